package receiver

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

const (
	secret = "correct horse battery staple"
	before = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
	pushed = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"
)

// urls are our repository as the recordings' forges have it: each in another form.
var urls = map[string]string{
	"github":           "https://github.com/team/docs",
	"gitlab":           "git@gitlab.example.com:team/docs.git",
	"gitea":            "http://gitea-http.gitea.svc.cluster.local:3000/team/docs.git",
	"forgejo":          "ssh://git@forgejo.example.com:2222/team/docs.git",
	"gogs":             "https://user:password@gogs.example.com/Team/Docs.git/",
	"bitbucket-cloud":  "git@bitbucket.org:team/docs.git",
	"bitbucket-server": "https://bitbucket.example.com/scm/team/docs.git",
	"azure-devops":     "git@ssh.dev.azure.com:v3/acme/Team%20Docs/docs",
	"generic":          "https://forge.example.com/team/docs.git",
}

// delivery is a recorded request, from testdata/<forge>/<name>.http: headers, an empty line, the body.
type delivery struct {
	forge, name string
	header      http.Header
	body        []byte
}

func recordings(t testing.TB) []delivery {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	all := make([]delivery, 0, len(files))
	for _, file := range files {
		all = append(all, recording(t, filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".http")))
	}
	return all
}

func recording(t testing.TB, forge, name string) delivery {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", forge, name+".http"))
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(content, []byte("\n\n"))
	d := delivery{forge: forge, name: name, header: http.Header{}, body: body}
	for line := range strings.Lines(string(head)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		d.header.Set(name, value)
	}
	return d
}

// signed adds what the forge would prove itself with.
func (d delivery) signed(secret string) delivery {
	d.header = d.header.Clone()
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(d.body)
	digest := hex.EncodeToString(mac.Sum(nil))
	old := hmac.New(sha1.New, []byte(secret))
	old.Write(d.body)
	switch d.forge {
	case "github":
		d.header.Set("X-Hub-Signature-256", "sha256="+digest)
		d.header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(old.Sum(nil)))
	case "gitlab":
		d.header.Set("X-Gitlab-Token", secret)
	case "forgejo":
		d.header.Set("X-Forgejo-Signature", digest)
		d.header.Set("X-Gitea-Signature", digest)
	case "gitea":
		d.header.Set("X-Gitea-Signature", digest)
		d.header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(old.Sum(nil)))
	case "gogs":
		d.header.Set("X-Gogs-Signature", digest)
	case "bitbucket-cloud", "bitbucket-server":
		d.header.Set("X-Hub-Signature", "sha256="+digest)
	case "azure-devops":
		d.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("azure:"+secret)))
	case "generic":
		d.header.Set("Authorization", "Bearer "+secret)
	}
	return d
}

// rig is a handler and what it has done.
type rig struct {
	http.Handler
	mu       sync.Mutex // for what follows
	pushes   int
	outcomes []string
	last     Delivery
}

func newRig(t testing.TB, o Target) *rig {
	t.Helper()
	return newLoggedRig(t, logr.Discard(), o)
}

func newLoggedRig(t testing.TB, log logr.Logger, o Target) *rig {
	t.Helper()
	r := &rig{}
	if o.Secret == nil {
		o.Secret = func() ([]byte, error) { return []byte(secret), nil }
	}
	if o.Trigger == nil {
		o.Trigger = func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.pushes++
		}
	}
	if o.Wait == nil {
		o.Wait = func(context.Context) (string, error) { return "", nil }
	}
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	r.Handler = New(Options{
		Log:     log,
		Targets: func() []Target { return []Target{o} },
		Observe: func(d Delivery) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.outcomes = append(r.outcomes, d.Forge+" "+d.Outcome)
			r.last = d
		},
	})
	return r
}

func (r *rig) post(d delivery) (status int, text string) { return r.postTo(d, "/webhook") }

func (r *rig) postTo(d delivery, target string) (status int, text string) {
	req := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(d.body))
	req.Header = d.header
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	body, _ := io.ReadAll(rec.Body)
	return rec.Code, string(body)
}

// outcome is what must come of a recording by its name, where main of team/docs is followed.
func (d delivery) outcome() (status int, outcome string) {
	switch {
	case d.name == "ping":
		return http.StatusOK, Ping
	case strings.HasPrefix(d.name, "push") && !strings.Contains(d.name, "other"):
		return http.StatusAccepted, Triggered
	default:
		return http.StatusOK, Ignored
	}
}

func TestRecordings(t *testing.T) {
	for _, d := range recordings(t) {
		for _, provider := range []string{"auto", d.forge} {
			t.Run(d.forge+"/"+d.name+"/"+provider, func(t *testing.T) {
				r := newRig(t, Target{Provider: provider, URL: urls[d.forge], Ref: "main"})
				status, text := r.post(d.signed(secret))
				wantStatus, want := d.outcome()
				if status != wantStatus || len(r.outcomes) != 1 || r.outcomes[0] != d.forge+" "+want {
					t.Fatalf("%d %v %s, want %d %s", status, r.outcomes, text, wantStatus, want)
				}
				if (r.pushes == 1) != (want == Triggered) {
					t.Errorf("pushes: %v", r.pushes)
				}
				if want == Ignored && len(text) < len("ignored: x") {
					t.Errorf("no reason is given: %q", text)
				}
			})
		}
	}
}

// TestPushIsUnderstood looks at all that is taken out of an ordinary push.
func TestPushIsUnderstood(t *testing.T) {
	for forge, url := range urls {
		if forge == "generic" {
			continue // says what it likes
		}
		var log strings.Builder
		r := newLoggedRig(t, funcr.New(func(_, args string) { log.WriteString(args) }, funcr.Options{}), Target{URL: url, Ref: "refs/heads/main"})
		r.post(recording(t, forge, "push").signed(secret))
		if d := r.last; r.pushes != 1 || d.Ref != "refs/heads/main" || d.Forge != forge || d.Repository == "" {
			t.Errorf("%s: %+v", forge, d)
		}
		if !strings.Contains(log.String(), `"before"="`+before+`" "after"="`+pushed+`"`) {
			t.Errorf("%s: %s", forge, log.String())
		}
	}
}

func TestWhatIsFollowed(t *testing.T) {
	type want map[string]bool // recordings that must trigger
	for _, tc := range []struct {
		name   string
		target Target
		want   want
	}{
		{"a tag", Target{Ref: "v1.2.0"}, want{"tag": true}},
		{"a tag in full", Target{Ref: "refs/tags/v1.2.0"}, want{"tag": true}},
		{"a branch in full", Target{Ref: "refs/heads/main"}, want{"push": true, "push-forced": true}},
		{"a branch as git also takes it", Target{Ref: "heads/main"}, want{"push": true, "push-forced": true}},
		{"a branch with a slash", Target{Ref: "feature/main"}, want{"push-other-branch": true}},
		{"a hash", Target{Ref: pushed}, want{"push": true, "push-forced": true, "push-other-branch": true, "tag": true}},
		{"nothing", Target{Ref: ""}, want{"push": true, "push-forced": true, "push-other-branch": false}},
		{"HEAD", Target{Ref: "HEAD"}, want{"push": true, "push-forced": true, "push-other-branch": false}},
		{"a pattern", Target{Match: func(ref string) bool { return strings.HasPrefix(ref, "refs/tags/v1") }}, want{"tag": true}},
		{"a pattern, something deleted", Target{Match: func(ref string) bool { return ref == "refs/heads/main" || ref == "main" }}, want{"push": true, "push-forced": true, "deleted": true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for forge, url := range urls {
				tc.target.URL = url
				for _, name := range []string{"push", "push-forced", "push-other-branch", "tag", "deleted"} {
					r := newRig(t, tc.target)
					r.post(recording(t, forge, "push").signed(secret)) // so that the default branch is known
					r.pushes = 0
					_, text := r.post(recording(t, forge, name).signed(secret))
					want := tc.want[name]
					if name == "push-other-branch" && (tc.target.Ref == "" || tc.target.Ref == "HEAD") && tc.target.Match == nil {
						want = tellsNoDefault(forge) // any branch may be it
					}
					if got := r.pushes == 1; got != want {
						t.Errorf("%s/%s: triggered %v, want %v: %s", forge, name, got, want, text)
					}
				}
			}
		})
	}
}

// tellsNoDefault lists the forges that do not say which branch is the default one.
func tellsNoDefault(forge string) bool {
	return forge == "generic" || strings.HasPrefix(forge, "bitbucket-")
}

// inForm is the delivery as a form, unsigned.
func (d delivery) inForm() delivery {
	d.header = d.header.Clone()
	d.header.Set("Content-Type", "application/x-www-form-urlencoded")
	d.body = []byte(url.Values{"payload": {string(d.body)}}.Encode())
	return d
}

// TestForm is the other content type that GitHub, Gogs and Gitea can be told to send.
func TestForm(t *testing.T) {
	d := recording(t, "github", "push").inForm()
	r := newRig(t, Target{URL: urls["github"], Ref: "main"})
	if status, text := r.post(d.signed(secret)); status != http.StatusAccepted {
		t.Errorf("%d %s", status, text)
	}
	d.body = []byte("payload=%zz")
	if status, _ := r.post(d.signed(secret)); status != http.StatusBadRequest {
		t.Errorf("%d for a form that is none", status)
	}
}

// TestFormSignedInside is a form as Gitea and its relatives sign it: not the form, but the JSON in it. GitHub signs the form.
func TestFormSignedInside(t *testing.T) {
	for forge, want := range map[string]int{"gitea": http.StatusAccepted, "forgejo": http.StatusAccepted, "gogs": http.StatusAccepted, "github": http.StatusForbidden} {
		inside := recording(t, forge, "push").signed(secret)
		d := inside.inForm()
		for name := range inside.header {
			if strings.HasSuffix(name, "Signature") || strings.HasSuffix(name, "Signature-256") {
				d.header.Set(name, inside.header.Get(name))
			}
		}
		r := newRig(t, Target{URL: urls[forge], Ref: "main"})
		if status, text := r.post(d); status != want {
			t.Errorf("%s: %d %s", forge, status, text)
		}
		d.body = bytes.Replace(d.body, []byte("main"), []byte("mean"), 1)
		if status, _ := r.post(d); status != http.StatusForbidden {
			t.Errorf("%s, another body: %d", forge, status)
		}
	}
}

// TestNoEvent names the header by which the forge would have named the event.
func TestNoEvent(t *testing.T) {
	d := recording(t, "gitea", "push").signed(secret)
	d.header.Del("X-Gitea-Event")
	r := newRig(t, Target{Provider: "gitea", URL: urls["gitea"], Ref: "main"})
	if status, text := r.post(d); status != http.StatusOK || !strings.Contains(text, "X-Gitea-Event is missing") {
		t.Errorf("%d %s", status, text)
	}
}

// TestOtherEvent: the header names the event, so the body of another event need not have the types of a push.
func TestOtherEvent(t *testing.T) {
	d := recording(t, "github", "push")
	d.header.Set("X-Github-Event", "issues")
	d.body = []byte(`{"ref":1}`)
	r := newRig(t, Target{URL: urls["github"], Ref: "main"})
	if status, text := r.post(d.signed(secret)); status != http.StatusOK || !strings.Contains(text, `"issues", not a push`) {
		t.Errorf("%d %s", status, text)
	}
}

// TestBlankBody: curl may send a generic delivery without a body, or with a blank one.
func TestBlankBody(t *testing.T) {
	d := recording(t, "generic", "push-nothing")
	for _, body := range []string{"", "\n"} {
		d.body = []byte(body)
		r := newRig(t, Target{URL: urls["generic"], Ref: "main"})
		if status, text := r.post(d.signed(secret)); status != http.StatusAccepted {
			t.Errorf("%q: %d %s", body, status, text)
		}
	}
}

func TestProviders(t *testing.T) {
	d := recording(t, "github", "push").signed(secret)
	for provider, want := range map[string]int{"github": 202, "": 202, "gitlab": 401, "bitbucket": 401, "bitbucket-server": 403} {
		r := newRig(t, Target{Provider: provider, URL: urls["github"], Ref: "main"})
		if status, _ := r.post(d); status != want {
			t.Errorf("%q: %d, want %d", provider, status, want)
		}
	}
	both := newRig(t, Target{Provider: "bitbucket", URL: "https://x.example/team/docs", Ref: "main"})
	for _, forge := range []string{"bitbucket-cloud", "bitbucket-server"} {
		if status, text := both.post(recording(t, forge, "push").signed(secret)); status != 202 {
			t.Errorf("%s: %d %s", forge, status, text)
		}
	}
	if len(Providers()) != 12 {
		t.Errorf("%v", Providers())
	}
}

func TestCheckRefuses(t *testing.T) {
	some := func() ([]byte, error) { return []byte("x"), nil }
	for name, o := range map[string]Target{
		"no secret function": {URL: "https://h/a/b"},
		"an empty secret":    {URL: "https://h/a/b", Secret: func() ([]byte, error) { return nil, nil }},
		"a missing file":     {URL: "https://h/a/b", Secret: func() ([]byte, error) { return ReadSecret("/nonexistent/secret") }},
		"no repository":      {Secret: some},
		"an unknown forge":   {URL: "https://h/a/b", Secret: some, Provider: "sourceforge"},
	} {
		if err := o.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
