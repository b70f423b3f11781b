package credentials

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/pkg/secret"
	"git-sync/test/gitserver"
)

// upstream is a repository behind HTTP that lets in whom auth says.
func upstream(t *testing.T, allowed gitserver.Auth) (*gitserver.Server, string) {
	t.Helper()
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"README": "hello\n"})
	s := gitserver.HTTP(t, r)
	s.Require(allowed)
	return s, s.RepoURL(r)
}

func TestNatural(t *testing.T) {
	t.Parallel()
	s, url := upstream(t, nil)
	c := newClient(t, auth.Options{URL: url})
	c.lets(t, "a public repository")
	s.Require(gitserver.Basic("u", "p"))
	c.refuses(t, "a private repository", "no credential is configured for "+s.URL, "--username")
}

func TestPassword(t *testing.T) {
	t.Parallel()
	s, raw := upstream(t, gitserver.Basic("joe@corp", "p/w:1 'x"))
	with, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	with.User = url.UserPassword("joe@corp", "p/w:1 'x")
	newClient(t, auth.Options{URL: raw, Settings: auth.Settings{Username: "joe@corp", Password: "p/w:1 'x"}}).lets(t, "by option")
	newClient(t, auth.Options{URL: with.String()}).lets(t, "in the URL") // git itself takes it from there
	newClient(t, auth.Options{URL: raw, Settings: auth.Settings{Credentials: []auth.Credential{{URL: s.URL, Username: "joe@corp", Password: "p/w:1 'x"}}}}).lets(t, "by --credential")
	newClient(t, auth.Options{URL: raw, Settings: auth.Settings{Credentials: []auth.Credential{{URL: raw, Username: "joe@corp", Password: "p/w:1 'x"}}}}).lets(t, "by --credential for the path")
	newClient(t, auth.Options{URL: raw, Settings: auth.Settings{Username: "joe@corp", Password: "wrong"}}).refuses(t, "wrong password", "refused user \"joe@corp\"", "--password")
	newClient(t, auth.Options{URL: raw, Settings: auth.Settings{Credentials: []auth.Credential{{URL: s.URL + "/other", Username: "joe@corp", Password: "p/w:1 'x"}}}}).
		refuses(t, "another path", "no credential is configured")
}

func TestTokenAsUser(t *testing.T) {
	t.Parallel()
	s, raw := upstream(t, gitserver.Basic("t0ken", ""))
	newClient(t, auth.Options{URL: raw, Settings: auth.Settings{Credentials: []auth.Credential{{URL: s.URL, Username: "t0ken"}}}}).lets(t, "user name alone")
}

func TestPasswordFileRotates(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	s, raw := upstream(t, gitserver.Basic("u", "one"))
	c := newClient(t, auth.Options{URL: raw, Settings: auth.Settings{Username: "u", PasswordFile: file}})
	c.refuses(t, "missing", file, "no such file", "mounted")
	put(t, file, "one\n", 0o400)
	c.lets(t, "first")
	s.Require(gitserver.Basic("u", "two"))
	c.refuses(t, "revoked", "refused", file, "user \"u\"")
	put(t, file, "two\n", 0o400)
	c.lets(t, "rotated")
}

// TestRefusedOnce is fault W6: one 401, then all is well.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]auth.Options{
		"password":   {Settings: auth.Settings{Username: "u", Password: "p"}},
		"credential": {Settings: auth.Settings{Credentials: []auth.Credential{{Username: "u", Password: "p"}}}},
		"askpass":    {Settings: auth.Settings{AskpassURL: "yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, raw := upstream(t, gitserver.Basic("u", "p"))
			o.URL = raw
			for i := range o.Credentials {
				o.Credentials[i].URL = s.URL
			}
			if o.AskpassURL != "" {
				service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "username=u\npassword=p\n") }))
				defer service.Close()
				o.AskpassURL = secret.Text(service.URL)
			}
			c := newClient(t, o)
			c.lets(t, "before")
			s.Fail(gitserver.Rule{On: gitserver.Info, Do: gitserver.Status(401)})
			c.refuses(t, "while the server refuses all", "refused")
			s.Heal()
			c.lets(t, "at the next sync")
		})
	}
}

func TestAskpassURL(t *testing.T) {
	t.Parallel()
	var password atomic.Value
	password.Store("one")
	calls := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		fmt.Fprintf(w, "username=u\npassword=%s\n", password.Load())
	}))
	defer service.Close()
	s, raw := upstream(t, gitserver.Basic("u", "one"))
	c := newClient(t, auth.Options{URL: raw, Settings: auth.Settings{AskpassURL: secret.Text(service.URL + "/git?key=hunter2")}})
	c.lets(t, "first")
	s.Require(gitserver.Basic("u", "two"))
	c.refuses(t, "revoked", "the answer of "+service.URL+"/git")
	password.Store("two")
	c.lets(t, "rotated")
	if r := c.auth.Report(); calls != 3 || r.AskpassCalls["success"] != 3 {
		t.Errorf("%d calls, counted %v", calls, r.AskpassCalls)
	}
	service.Close()
	c.refuses(t, "the service is gone", "--askpass-url", service.URL)
}

func TestCookies(t *testing.T) {
	t.Parallel()
	s, raw := upstream(t, gitserver.Cookie("o", "one"))
	file := filepath.Join(t.TempDir(), "cookie_file")
	line := func(value string) string {
		return "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t2147483647\to\t" + value + "\n"
	}
	c := newClient(t, auth.Options{URL: raw, Settings: auth.Settings{CookieFile: file}})
	c.refuses(t, "missing", file, "no such file")
	put(t, file, line("one"), 0o400)
	c.lets(t, "first")
	s.Require(gitserver.Cookie("o", "two"))
	c.refuses(t, "expired", "the cookies in "+file)
	put(t, file, line("two"), 0o400)
	c.lets(t, "rotated")
	put(t, file, "Set-Cookie: o=two\n", 0o400)
	c.lets(t, "as a header")
}

// TestGitHubApp has a token endpoint that verifies what GitHub verifies, and a git server that takes
// the newest token only.
func TestGitHubApp(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.pem")
	put(t, file, pemOf(key), 0o400)
	s, raw := upstream(t, gitserver.AnyOf())
	github := newGitHub(t, "Iv23", &key.PublicKey, func(token string) { s.Require(gitserver.Basic("x-access-token", token)) })
	c := newClient(t, auth.Options{URL: raw, Settings: auth.Settings{GitHub: auth.GitHubApp{BaseURL: github.URL, PrivateKeyFile: file, ClientID: "Iv23", InstallationID: 42}}})
	c.lets(t, "first")
	c.lets(t, "the same token")
	if minted := github.tokens(); len(minted) != 1 {
		t.Errorf("for two syncs: %v", minted)
	}
	s.Require(gitserver.AnyOf()) // the token is revoked in mid-life
	c.refuses(t, "revoked", "the GitHub App's installation token")
	c.lets(t, "minted anew")
	if minted := github.tokens(); len(minted) != 2 {
		t.Errorf("minted %v", minted)
	}
}

// TestSubmodules clones a repository whose submodules are on the same host and on others.
func TestSubmodules(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	lib := gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root, Name: "lib.git"})
	main := gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root, Name: "main.git"})
	server := gitserver.HTTP(t, main)
	server.Require(gitserver.Basic("bot", "p-main"))
	foreign := gitserver.NewRepo(t)
	other := gitserver.HTTP(t, foreign)
	other.Require(gitserver.Basic("other", "p-other"))
	public := gitserver.NewRepo(t)
	stranger := gitserver.HTTP(t, public)

	change := gitserver.Change{Files: map[string]string{}, Gitlinks: map[string]string{}}
	for path, r := range map[string]*gitserver.Repo{"lib": lib, "foreign": foreign, "public": public} {
		change.Gitlinks[path] = r.Commit(map[string]string{path + ".txt": "x\n"})
	}
	change.Files[".gitmodules"] = module("lib", "../lib.git") + module("foreign", other.RepoURL(foreign)) + module("public", stranger.RepoURL(public))
	main.Apply(change)

	c := newClient(t, auth.Options{URL: server.RepoURL(main), Settings: auth.Settings{Username: "bot", Password: "p-main", Credentials: []auth.Credential{{URL: other.URL, Username: "other", Password: "p-other"}}}})
	clone := func() (string, error) {
		dir := filepath.Join(t.TempDir(), "clone")
		return dir, c.run(t, git.Cmd("clone", "--recurse-submodules").Operand(c.url, dir))
	}
	dir, err := clone()
	if err != nil {
		t.Fatalf("%v; hint: %s", err, hint(err))
	}
	for _, path := range []string{"lib", "foreign", "public"} {
		get(t, filepath.Join(dir, path, path+".txt"))
	}
	// Who serves one submodule and asks for a password is given none, and least of all another's.
	stranger.Require(gitserver.Basic("bot", "p-main"))
	if _, err := clone(); err == nil || !strings.Contains(err.Error(), "no credential is configured for "+stranger.URL) {
		t.Errorf("got %v", err)
	}
	for _, q := range stranger.Log() {
		if q.Header != "" {
			t.Errorf("a stranger was sent %q", q.Header)
		}
	}
}

func module(name, url string) string {
	return fmt.Sprintf("[submodule %q]\n\tpath = %s\n\turl = %s\n", name, name, url)
}

// TestRedirect sends git to another host, which must not see what the first one is given.
func TestRedirect(t *testing.T) {
	t.Parallel()
	there, _ := upstream(t, gitserver.Basic("u", "p"))
	here, raw := upstream(t, gitserver.Basic("u", "p"))
	here.Fail(gitserver.Rule{On: gitserver.Info, Do: gitserver.Redirect(302, there.URL)})
	c := newClient(t, auth.Options{URL: raw, Settings: auth.Settings{Username: "u", Password: "p"}})
	c.refuses(t, "redirected", "refused")
	for _, q := range there.Log() {
		if q.Header != "" {
			t.Errorf("the host redirected to was sent %q", q.Header)
		}
	}
}

// TestPrivateAuthority reaches git and askpass servers that only a file vouches for, by git's variables.
func TestPrivateAuthority(t *testing.T) {
	t.Parallel()
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"README": "hello\n"})
	s := gitserver.HTTPS(t, r)
	s.Require(gitserver.Basic("u", "p"))
	o := auth.Options{URL: s.RepoURL(r), Settings: auth.Settings{Username: "u", Password: "p"}}
	newClient(t, o, "GIT_SSL_CAINFO="+s.CAFile).lets(t, "GIT_SSL_CAINFO")
	o.GitConfig = []git.KV{{Key: "http.sslCAInfo", Value: s.CAFile}}
	newClient(t, o).lets(t, "http.sslCAInfo")
	o.GitConfig = nil
	newClient(t, o).refuses(t, "without", "GIT_SSL_CAINFO")
}
