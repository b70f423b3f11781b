package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"git-sync/pkg/secret"
)

// fakeGitHub makes installation tokens for everybody who signs as GitHub's documentation asks.
type fakeGitHub struct {
	*httptest.Server
	mu     sync.Mutex
	key    *rsa.PublicKey
	issuer string
	life   time.Duration
	minted int
	answer func(http.ResponseWriter) bool // instead of a token, when it returns true
}

func newFakeGitHub(t *testing.T, issuer string) *fakeGitHub {
	g := &fakeGitHub{issuer: issuer, life: time.Hour}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v3/app/installations/4711/access_tokens", func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if err := g.verify(r); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"message":"A JSON web token could not be decoded: %v"}`, err)
			return
		}
		if g.answer != nil && g.answer(w) {
			return
		}
		g.minted++
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"token":"ghs_%d","expires_at":%q,"permissions":{}}`, g.minted, time.Now().Add(g.life).UTC().Format(time.RFC3339Nano))
	})
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	return g
}

// verify checks what GitHub checks.
func (g *fakeGitHub) verify(r *http.Request) error {
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return fmt.Errorf("no bearer")
	}
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(raw, &claims, func(*jwt.Token) (any, error) { return g.key, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(g.issuer), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
	if err != nil {
		return err
	}
	if claims.ExpiresAt.Sub(claims.IssuedAt.Time) > 10*time.Minute {
		return fmt.Errorf("lives longer than ten minutes")
	}
	if r.Header.Get("Accept") != "application/vnd.github+json" || r.Header.Get("User-Agent") == "" {
		return fmt.Errorf("headers are lacking")
	}
	return nil
}

// newKey makes an RSA key; the bytes are PKCS #1 and #8.
func newKey(t *testing.T) (key *rsa.PrivateKey, pkcs1, pkcs8 []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key,
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestGitHubApp(t *testing.T) {
	key, pkcs1, pkcs8 := newKey(t)
	otherKey, otherPEM, _ := newKey(t)
	gh := newFakeGitHub(t, "Iv1.abc")
	gh.key = &key.PublicKey
	file := filepath.Join(t.TempDir(), "app.pem")
	write(t, file, pkcs1, 0o600)

	var learned []string
	a := newAuth(t, Options{URL: "https://forge.example/org/x.git", Learned: func(s string) { learned = append(learned, s) }, Settings: Settings{GitHub: GitHubApp{BaseURL: gh.URL + "/api/v3/", PrivateKeyFile: file, ClientID: "Iv1.abc", ApplicationID: 1, InstallationID: 4711}}})
	token := func() string {
		t.Helper()
		o, err := a.Refresh(t.Context())
		if err != nil {
			t.Fatalf("%v; hint: %s", err, hint(err))
		}
		_, pass := ask(t, entriesOf(t, o), "https://forge.example")
		return pass
	}
	if got := token(); got != "ghs_1" {
		t.Fatalf("first token %q", got)
	}
	if got := token(); got != "ghs_1" {
		t.Errorf("a good token was not used again: %q", got)
	}
	a.Rejected() // 401 in mid-life
	if got := token(); got != "ghs_2" {
		t.Errorf("after a refusal: %q", got)
	}
	gh.life = time.Minute // little, but a quarter's margin leaves 45 s
	a.Rejected()
	if got := token(); got != "ghs_3" {
		t.Errorf("short-lived: %q", got)
	}
	if got := token(); got != "ghs_3" {
		t.Errorf("short-lived, again: %q", got)
	}
	gh.life = 3 * time.Minute
	a.token.minted, a.token.expires = time.Now().Add(-time.Hour), time.Now().Add(time.Minute) // as if nearly over
	if got := token(); got != "ghs_4" {
		t.Errorf("about to expire: %q", got)
	}
	// The key is rotated: PKCS #8 this time.
	gh.key = &otherKey.PublicKey
	write(t, file, otherPEM, 0o600)
	if got := token(); got != "ghs_5" {
		t.Errorf("after a rotated key: %q", got)
	}
	gh.key = &key.PublicKey
	write(t, file, pkcs8, 0o600)
	if got := token(); got != "ghs_6" {
		t.Errorf("PKCS #8: %q", got)
	}
	if r := a.Report(); r.GitHubRefreshes["success"] != 6 || r.GitHubRefreshes["error"] != 0 {
		t.Errorf("counted %v", r.GitHubRefreshes)
	}
	if !contains(learned, "ghs_6") {
		t.Errorf("the log's scrubber did not get the token: %v", learned)
	}
}

func TestGitHubAppRefusals(t *testing.T) {
	key, good, _ := newKey(t)
	_, stranger, _ := newKey(t)
	gh := newFakeGitHub(t, "99")
	gh.key = &key.PublicKey
	dir := t.TempDir()
	goodFile := filepath.Join(dir, "good.pem")
	write(t, goodFile, good, 0o600)
	app := GitHubApp{BaseURL: gh.URL + "/api/v3", PrivateKeyFile: goodFile, ApplicationID: 99, InstallationID: 4711}
	file := func(name string, content []byte) GitHubApp {
		changed := app
		changed.PrivateKeyFile = filepath.Join(dir, name)
		if content != nil {
			write(t, changed.PrivateKeyFile, content, 0o600)
		}
		return changed
	}
	elsewhere := app
	elsewhere.InstallationID = 1
	another := app
	another.ApplicationID = 98
	answering := func(status int, body string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			if status == 403 {
				w.Header().Set("X-RateLimit-Remaining", "0")
				w.Header().Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Add(time.Minute).Unix()))
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	for name, c := range map[string]struct {
		app    GitHubApp
		answer func(http.ResponseWriter) bool
		want   []string
	}{
		"missing key":        {file("missing.pem", nil), nil, []string{"missing.pem", "no such file"}},
		"empty key":          {file("empty.pem", []byte{}), nil, []string{"it is empty"}},
		"not a key":          {file("public.pem", []byte("ssh-rsa AAAA")), nil, []string{"not an RSA private key"}},
		"encrypted key":      {file("enc.pem", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")), nil, []string{"encrypted"}},
		"stranger's key":     {file("stranger.pem", stranger), nil, []string{"401", "stranger.pem", "App 99", "clock"}},
		"another app":        {another, nil, []string{"401", "App 98"}},
		"wrong installation": {elsewhere, nil, []string{"404", "installation 1"}},
		"rate limit":         {app, answering(403, `{"message":"slow down"}`), []string{"403", "slow down"}},
		"suspended":          {app, answering(403, `{"message":"This installation has been suspended"}`), []string{"suspended"}},
		"outage":             {app, answering(502, `<html>`), []string{"502", "githubstatus"}},
		"not JSON":           {app, answering(201, `<html>ghs_secret`), []string{"not the JSON"}},
		"no token":           {app, answering(201, `{"expires_at":"2030-01-01T00:00:00Z"}`), []string{"no token"}},
	} {
		t.Run(name, func(t *testing.T) {
			gh.mu.Lock()
			gh.answer = c.answer
			gh.mu.Unlock()
			a := newAuth(t, Options{URL: "https://forge.example/x.git", Settings: Settings{GitHub: c.app}})
			_, err := a.Refresh(t.Context())
			if err == nil {
				t.Fatal("accepted")
			}
			text := err.Error() + "; hint: " + hint(err)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in: %s", want, text)
				}
			}
			if strings.Contains(text, "ghs_") || strings.Contains(text, "PRIVATE KEY-----") {
				t.Errorf("a secret is in: %s", text)
			}
			if name == "rate limit" {
				var e *delayed
				if !errors.As(err, &e) || e.RetryAfter() < 50*time.Second || e.RetryAfter() > time.Minute {
					t.Errorf("RetryAfter %v", e.RetryAfter())
				}
			}
		})
	}
}

func TestGitHubAppKeyFromEnvironment(t *testing.T) {
	key, pkcs1, _ := newKey(t)
	gh := newFakeGitHub(t, "7")
	gh.key = &key.PublicKey
	for _, text := range []string{string(pkcs1), strings.ReplaceAll(string(pkcs1), "\n", `\n`)} {
		a := newAuth(t, Options{URL: "https://forge.example/x.git", Settings: Settings{GitHub: GitHubApp{BaseURL: gh.URL + "/api/v3/", PrivateKey: secret.Text(text), ApplicationID: 7, InstallationID: 4711}}})
		if _, err := a.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func write(t testing.TB, file string, content []byte, mode os.FileMode) {
	t.Helper()
	// As Kubernetes does: a new file takes the old one's place.
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file+".new", mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}
