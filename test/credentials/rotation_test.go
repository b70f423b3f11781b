package credentials

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"git-sync/test/gitserver"
	"git-sync/test/sshserver"
)

// kind is one kind of credential before a real server, while the loop runs.
type kind struct {
	args    []string
	env     []string
	push    func(content string)
	revoke  func()   // the server stops taking what it took
	refused []string // what the error then says
	renew   func()   // the user replaces a file
	secrets func() []string
}

// TestRotation lets the loop run while each kind of credential is refused and then replaced, and looks for
// secrets in everything that it has said and left (fault X1).
func TestRotation(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(*testing.T) kind{
		"password file": passwordFile,
		"credential":    credentialFile,
		"askpass URL":   askpassURL,
		"cookie file":   cookieFile,
		"GitHub App":    gitHubApp,
		"SSH key":       sshKey,
		"known_hosts":   knownHosts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := of(t)
			k.push("one")
			p := start(t, k.env, k.args...)
			p.publishes("one")
			k.revoke()
			k.push("two")
			p.fails(k.refused...)
			p.publishes("one") // still
			k.renew()
			p.publishes("two")
			p.Until("the hook to have run twice", func() bool {
				b, err := os.ReadFile(filepath.Join(p.Home, "hook.env"))
				return err == nil && strings.Count(string(b), "GITSYNC_HASH=") >= 2
			})
			p.Stop()
			p.searchEverywhere(k.secrets())
		})
	}
}

// TestSecretsInEnvironment gives secrets by the variables that charts set.
func TestSecretsInEnvironment(t *testing.T) {
	t.Parallel()
	s, k := overHTTP(t, gitserver.Basic("joe", "s3cret-one"))
	k.push("one")
	repo := strings.TrimPrefix(k.args[0], "--repo=")
	for name, env := range map[string][]string{
		"in the URL":   {"GITSYNC_REPO=" + strings.Replace(repo, "http://", "http://joe:s3cret-one@", 1)},
		"in variables": {"GIT_SYNC_REPO=" + repo, "GIT_SYNC_USERNAME=joe", "GIT_SYNC_PASSWORD=s3cret-one"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, env)
			p.publishes("one")
			s.Require(gitserver.Basic("joe", "another"))
			p.fails("refused user", "joe")
			s.Require(gitserver.Basic("joe", "s3cret-one"))
			p.Until("it to recover", func() bool { _, err := os.Stat(p.errorFile()); return err != nil })
			p.Stop()
			p.searchEverywhere([]string{"s3cret-one"})
		})
	}
}

// searchEverywhere looks for secrets in the log at -v 9, the root, the error file and the hook's environment.
func (p *program) searchEverywhere(secrets []string) {
	p.t.Helper()
	places := map[string]string{"the log": p.Said()}
	err := filepath.WalkDir(p.Home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			places[path] = get(p.t, path)
		}
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
	for _, s := range secrets {
		for where, content := range places {
			if s == "" || strings.Contains(content, s) {
				p.t.Errorf("the secret %q is in %s", s, where)
			}
		}
	}
}

// overHTTP is a repository behind a server that takes what allowed says.
func overHTTP(t *testing.T, allowed gitserver.Auth) (*gitserver.Server, kind) {
	t.Helper()
	r := gitserver.NewRepo(t)
	s := gitserver.HTTP(t, r)
	s.Require(allowed)
	return s, kind{
		args: []string{"--repo=" + s.RepoURL(r)},
		push: func(content string) { r.Commit(map[string]string{"README": content}) },
	}
}

func passwordFile(t *testing.T) kind {
	s, k := overHTTP(t, gitserver.Basic("joe", "s3cret-one"))
	file := filepath.Join(t.TempDir(), "password")
	put(t, file, "s3cret-one\n", 0o400)
	k.args = append(k.args, "--username=joe", "--password-file="+file)
	k.revoke = func() { s.Require(gitserver.Basic("joe", "s3cret-two")) }
	k.refused = []string{"refused user", "joe", file}
	k.renew = func() { put(t, file, "s3cret-two\n", 0o400) }
	k.secrets = func() []string { return []string{"s3cret-one", "s3cret-two"} }
	return k
}

func credentialFile(t *testing.T) kind {
	s, k := overHTTP(t, gitserver.Basic("joe", "s3cret-one"))
	file := filepath.Join(t.TempDir(), "password")
	put(t, file, "s3cret-one\n", 0o400)
	k.env = []string{
		fmt.Sprintf(`GITSYNC_CREDENTIAL=[{"url":%q,"username":"joe","password-file":%q},{"url":"https://other.example","username":"o","password":"s3cret-three"}]`, s.URL, file),
	}
	k.revoke = func() { s.Require(gitserver.Basic("joe", "s3cret-two")) }
	k.refused = []string{"refused user", "joe", file}
	k.renew = func() { put(t, file, "s3cret-two\n", 0o400) }
	k.secrets = func() []string { return []string{"s3cret-one", "s3cret-two", "s3cret-three"} }
	return k
}

func askpassURL(t *testing.T) kind {
	s, k := overHTTP(t, gitserver.Basic("joe", "s3cret-one"))
	file := filepath.Join(t.TempDir(), "answer")
	put(t, file, "username=joe\npassword=s3cret-one\n", 0o400)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("key") != "s3cret-query" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		b, err := os.ReadFile(file)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(service.Close)
	k.args = append(k.args, "--askpass-url="+service.URL+"/git?key=s3cret-query")
	k.revoke = func() { s.Require(gitserver.Basic("joe", "s3cret-two")) }
	k.refused = []string{"refused", service.URL + "/git"}
	k.renew = func() { put(t, file, "username=joe\npassword=s3cret-two\n", 0o400) }
	k.secrets = func() []string { return []string{"s3cret-one", "s3cret-two", "s3cret-query"} }
	return k
}

func cookieFile(t *testing.T) kind {
	s, k := overHTTP(t, gitserver.Cookie("o", "s3cret-one"))
	// The option is a bool: the path is fixed, as manifests mount it. So the file is given by git's own name.
	file := filepath.Join(t.TempDir(), "cookie_file")
	jar := func(value string) string { return "127.0.0.1\tFALSE\t/\tFALSE\t2147483647\to\t" + value + "\n" }
	put(t, file, jar("s3cret-one"), 0o400)
	k.args = append(k.args, "--git-config=http.cookieFile:"+file)
	k.revoke = func() { s.Require(gitserver.Cookie("o", "s3cret-two")) }
	k.refused = []string{"no credential is configured"}
	k.renew = func() { put(t, file, jar("s3cret-two"), 0o400) }
	k.secrets = func() []string { return []string{"s3cret-one", "s3cret-two"} }
	return k
}

func gitHubApp(t *testing.T) kind {
	s, k := overHTTP(t, gitserver.AnyOf())
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	gh := newGitHub(t, "Iv23", &key.PublicKey, func(token string) { s.Require(gitserver.Basic("x-access-token", token)) })
	file := filepath.Join(t.TempDir(), "app.pem")
	put(t, file, pemOf(key), 0o400)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	k.args = append(k.args, "--github-base-url="+gh.URL, "--github-app-private-key-file="+file,
		"--github-app-client-id=Iv23", "--github-app-installation-id=42")
	k.revoke = func() { // the key, and with it the tokens
		gh.use(&other.PublicKey)
		s.Require(gitserver.AnyOf())
	}
	k.refused = []string{"401", file, "App Iv23"}
	k.renew = func() { put(t, file, pemOf(other), 0o400) }
	k.secrets = func() []string {
		return append(gh.tokens(), strings.Split(pemOf(key), "\n")[3], strings.Split(pemOf(other), "\n")[3])
	}
	return k
}

func pemOf(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// overSSH is a repository behind an sshd.
func overSSH(t *testing.T, config ...string) (*sshserver.Server, kind) {
	t.Helper()
	s := sshserver.New(t, config...)
	r := gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: s.Dir, Name: "a.git"})
	return s, kind{
		args: []string{"--repo=" + s.URL("a.git")},
		push: func(content string) { r.Commit(map[string]string{"README": content}) },
	}
}

func sshKey(t *testing.T) kind {
	s, k := overSSH(t)
	one, two := s.NewKey("one"), s.UnknownKey("two")
	file := filepath.Join(t.TempDir(), "ssh")
	put(t, file, get(t, one), 0o440)
	k.args = append(k.args, "--ssh-key-file="+file, "--ssh-known-hosts-file="+s.KnownHosts)
	k.revoke = func() { s.Revoke(one); s.Authorise(two) }
	k.refused = []string{"refused the SSH key " + file}
	k.renew = func() { put(t, file, get(t, two), 0o440) }
	k.secrets = func() []string {
		return []string{strings.Split(get(t, one), "\n")[3], strings.Split(get(t, two), "\n")[3]}
	}
	return k
}

func knownHosts(t *testing.T) kind {
	s, k := overSSH(t)
	file := filepath.Join(t.TempDir(), "known_hosts")
	put(t, file, get(t, s.KnownHosts), 0o444)
	k.args = append(k.args, "--ssh-key-file="+s.NewKey("one"), "--ssh-known-hosts-file="+file)
	k.revoke = func() { s.Stop(); s.RotateHostKey(); s.Start() }
	k.refused = []string{"differs from the one in " + file}
	k.renew = func() { put(t, file, get(t, s.KnownHosts), 0o444) }
	k.secrets = func() []string { return nil }
	return k
}

// gitHub makes installation tokens for whoever signs as it wants.
type gitHub struct {
	*httptest.Server
	issuer string
	minted func(token string) // told of each new token

	mu   sync.Mutex
	key  *rsa.PublicKey
	made []string
}

func newGitHub(t *testing.T, issuer string, key *rsa.PublicKey, minted func(string)) *gitHub {
	t.Helper()
	g := &gitHub{issuer: issuer, key: key, minted: minted}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /app/installations/42/access_tokens", g.mint)
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	return g
}

func (g *gitHub) mint(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &claims,
		func(*jwt.Token) (any, error) { return g.key, nil }, jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithIssuer(g.issuer), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
	if err != nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > 10*time.Minute {
		http.Error(w, `{"message":"A JSON web token could not be decoded"}`, http.StatusUnauthorized)
		return
	}
	token := fmt.Sprintf("ghs_s3cret%d", len(g.made)+1)
	g.made = append(g.made, token)
	g.minted(token)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"token":%q,"expires_at":%q}`, token, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

func (g *gitHub) use(key *rsa.PublicKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.key = key
}

func (g *gitHub) tokens() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.made...)
}
