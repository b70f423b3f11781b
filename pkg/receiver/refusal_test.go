package receiver

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
)

// proofHeaders are all headers by which any forge proves itself.
var proofHeaders = []string{
	"X-Hub-Signature", "X-Hub-Signature-256", "X-Gitea-Signature", "X-Gogs-Signature", "X-Forgejo-Signature", "X-Gitlab-Token", "Authorization", "Webhook-Signature",
}

// TestRefused sends each forge's push with every kind of wrong proof. Nobody who does
// not know the secret may cause anything, or learn anything.
func TestRefused(t *testing.T) {
	for forge, url := range urls {
		good := recording(t, forge, "push").signed(secret)
		change := func(f func(value string) []string) delivery {
			d := good
			d.header = good.header.Clone()
			for _, name := range proofHeaders {
				if values := d.header.Values(name); len(values) > 0 {
					d.header[name] = f(values[0])
				}
			}
			return d
		}
		for name, d := range map[string]delivery{
			"no proof":         change(func(string) []string { return nil }),
			"an empty proof":   change(func(string) []string { return []string{""} }),
			"a short proof":    change(func(v string) []string { return []string{v[:len(v)-2]} }),
			"a long proof":     change(func(v string) []string { return []string{v + "00"} }),
			"another proof":    change(func(v string) []string { return []string{v[:len(v)-2] + strings.Repeat("x", 2)} }),
			"a prefix alone":   change(func(v string) []string { return []string{v[:max(0, strings.IndexAny(v, "= "))]} }),
			"zeros":            change(func(v string) []string { return []string{"sha256=" + strings.Repeat("0", 64)} }),
			"two proofs":       change(func(v string) []string { return []string{v, v} }),
			"another secret":   recording(t, forge, "push").signed("another"),
			"no secret at all": recording(t, forge, "push").signed(""),
		} {
			r := newRig(t, Target{Provider: forge, URL: url, Ref: "main"})
			status, text := r.post(d)
			if status != http.StatusUnauthorized && status != http.StatusForbidden || text != "" || r.pushes > 0 {
				t.Errorf("%s, %s: %d %q %v", forge, name, status, text, r.pushes)
			}
			// A forge without a secret sends its headers empty, or none, which is not a wrong secret.
			empty := !slices.ContainsFunc(row(t, forge).schemes, func(s scheme) bool { return d.header.Get(s.header) != "" })
			if empty != (status == http.StatusUnauthorized) && forge != "azure-devops" && forge != "generic" {
				t.Errorf("%s, %s: %d", forge, name, status)
			}
			if len(r.outcomes) != 1 || r.outcomes[0] != forge+" "+Refused {
				t.Errorf("%s, %s: %v", forge, name, r.outcomes)
			}
		}
		// The body was changed under way; tokens do not cover it.
		if d := good; !bytes.Contains([]byte("gitlab azure-devops generic"), []byte(forge)) {
			d.body = bytes.Replace(d.body, []byte("main"), []byte("mean"), 1)
			r := newRig(t, Target{URL: url, Ref: "main"})
			if status, text := r.post(d); status != http.StatusForbidden || text != "" {
				t.Errorf("%s, another body: %d %q", forge, status, text)
			}
		}
	}
}

// TestSHA1Only: a signature by SHA-1 does not count.
func TestSHA1Only(t *testing.T) {
	d := recording(t, "github", "push").signed(secret)
	d.header.Del("X-Hub-Signature-256")
	r := newRig(t, Target{URL: urls["github"], Ref: "main"})
	if status, text := r.post(d); status != http.StatusUnauthorized || text != "" {
		t.Errorf("%d %q", status, text)
	}
	// Gitea without a secret sends this.
	d.header.Set("X-Hub-Signature-256", "sha256=")
	if status, _ := r.post(d); status != http.StatusUnauthorized {
		t.Errorf("an empty SHA-256 signature beside it: %d", status)
	}
}

func TestStandardWebhook(t *testing.T) {
	f := row(t, "gitlab")
	const good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	const key, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `{"test": 2432232314}`
	for _, tc := range []struct {
		name, signature, at string
		want                bool
	}{
		{"one", good, "1614265330", true},
		{"several, while a key is changed", "v1,bm90aGluZw== v1a,xyz= " + good, "1614265330", true},
		{"another time", good, "1614265331", false},
		{"another version", "v2" + good[2:], "1614265330", false},
		{"no version", good[3:], "1614265330", false},
		{"nothing", "", "1614265330", false},
	} {
		h := http.Header{}
		h.Set("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
		h.Set("Webhook-Timestamp", tc.at)
		h.Set("Webhook-Signature", tc.signature)
		if got := proves(f, h, key, body); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
		h.Del("Webhook-Id")
		if proves(f, h, key, body) {
			t.Errorf("%s: taken without an id", tc.name)
		}
	}
}

func TestBasic(t *testing.T) {
	f := row(t, "azure-devops")
	for pair, want := range map[string]bool{
		"azure:" + secret: true, ":" + secret: true, secret: false, secret + ":": false, "a:b:" + secret: false, "": false, ":": false,
	} {
		h := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}}
		if got := proves(f, h, secret, ""); got != want {
			t.Errorf("%q: %v", pair, got)
		}
	}
	h := http.Header{"Authorization": {"basic " + base64.StdEncoding.EncodeToString([]byte("me:it"))}}
	if !proves(f, h, "me:it", "") {
		t.Error("a secret that names the user as well was refused")
	}
	h.Set("Authorization", "Basic ?")
	if proves(f, h, ":", "") {
		t.Error("a header that is not base64 was accepted")
	}
}

func TestNoForge(t *testing.T) {
	r := newRig(t, Target{URL: "https://h/a/b"})
	if status, text := r.post(delivery{header: http.Header{}, body: []byte("{}")}); status != http.StatusUnauthorized || text != "" {
		t.Errorf("%d %q", status, text)
	}
	req := httptest.NewRequest(http.MethodGet, "/webhook", nil)
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != http.MethodPost {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
}

// TestLostSecret has the secret vanish while we run.
func TestLostSecret(t *testing.T) {
	var lost error
	r := newRig(t, Target{URL: urls["generic"], Secret: func() ([]byte, error) { return []byte(secret), lost }})
	d := recording(t, "generic", "push-nothing").signed(secret)
	if status, _ := r.post(d); status != http.StatusAccepted {
		t.Fatalf("%d", status)
	}
	lost = errors.New("gone")
	if status, text := r.post(d); status != http.StatusServiceUnavailable || text != "" || r.pushes != 1 {
		t.Errorf("%d %q %v", status, text, r.outcomes)
	}
}

func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	get := func() ([]byte, error) { return ReadSecret(path) }
	expect := func(want string) {
		t.Helper()
		if got, err := get(); err != nil || string(got) != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	expect("one")
	write("two \r\n")
	expect("two")
	for name, content := range map[string]string{"empty": "\n", "too long": strings.Repeat("x", maxSecret+1)} {
		write(content)
		if got, err := get(); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := get(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("gone: %v", err)
	}
}

// TestLogIsNoWall has a scanner knock, and no secret come out.
func TestLogIsNoWall(t *testing.T) {
	var lines []string
	log := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{Verbosity: 0})
	r := newLoggedRig(t, log, Target{URL: urls["github"], Ref: "main"})
	wrong := recording(t, "github", "push").signed("guess")
	for range 100 {
		r.post(wrong)
		r.post(recording(t, "gitlab", "push").signed("guess"))
		r.post(delivery{header: http.Header{}})
	}
	if len(lines) != 3 {
		t.Errorf("%d lines: %v", len(lines), lines)
	}
	all := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{Verbosity: 9})
	r = newLoggedRig(t, all, Target{URL: urls["gogs"], Ref: "main"})
	for _, d := range recordings(t) {
		r.post(d.signed(secret))
	}
	r.post(recording(t, "gogs", "push"))
	joined := strings.Join(lines, "\n")
	if !strings.Contains(joined, "it has no X-Gogs-Signature") {
		t.Error("the log does not name the missing header")
	}
	for _, hidden := range []string{secret, "guess", "user:password", base64.StdEncoding.EncodeToString([]byte("azure:" + secret))} {
		if strings.Contains(joined, hidden) {
			t.Errorf("the log tells %q", hidden)
		}
	}
}
