package credentials

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"git-sync/test/examples"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// documented reads the examples of docs/credentials.md.
func documented(t *testing.T) []examples.Example {
	t.Helper()
	found, err := examples.Read("../../docs/credentials.md")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// stage is what an example of a section plays on: the servers, and the files that are mounted.
type stage struct {
	secrets string            // stands for /etc/git-secret
	replace map[string]string // what the document calls things, and where they really are
	files   []string          // that must be published
}

const password = "correct-horse"

// TestDocs runs every example of docs/credentials.md, as it is printed there but for hosts and directories.
func TestDocs(t *testing.T) {
	t.Parallel()
	stages := map[string]func(*testing.T) *stage{
		"Nothing":                         func(t *testing.T) *stage { return stageHTTP(t, nil) },
		"User and password, or a token":   func(t *testing.T) *stage { return stageHTTP(t, gitserver.Basic("bot", password)) },
		"Several hosts":                   stageHosts,
		"Askpass URL":                     stageAskpass,
		"Cookies":                         stageCookies,
		"GitHub App":                      stageApp,
		"SSH":                             func(t *testing.T) *stage { return stageSSH(t) },
		"In Kubernetes":                   func(t *testing.T) *stage { return stageSSH(t) },
		"Deploy keys":                     stageDeployKeys,
		"Proxies and private authorities": stageTLS,
	}
	ran := map[string]bool{}
	for i, e := range documented(t) {
		if e.Lang == "" {
			continue // what a server answers
		}
		ran[e.Section] = true
		t.Run(fmt.Sprintf("%d %s", i, e.Section), func(t *testing.T) {
			t.Parallel()
			prepare, ok := stages[e.Section]
			if !ok {
				t.Fatalf("no server for an example below %q", e.Section)
			}
			s := prepare(t)
			root := filepath.Join(t.TempDir(), "git")
			s.replace["/etc/git-secret"], s.replace["/tmp/git"], s.replace["=/git"] = s.secrets, root, "="+root
			s.run(t, root, e)
		})
	}
	for section := range stages {
		if !ran[section] {
			t.Errorf("no example below %q any more", section)
		}
	}
}

// run runs one example and checks what is published.
func (s *stage) run(t *testing.T, root string, e examples.Example) {
	t.Helper()
	script := e.Code
	if e.Lang == "yaml" {
		script = "git-sync " + strings.Join(argumentsOf(e.Code), " ") +
			" --ssh-key-file=/etc/git-secret/ssh --ssh-known-hosts-file=/etc/git-secret/known_hosts\n"
	}
	for name, value := range s.replace {
		script = strings.ReplaceAll(script, name, value)
	}
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + filepath.Dir(harness.Binary(t)) + ":" + os.Getenv("PATH"), "HOME=" + cmd.Dir}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, said)
	}
	for _, file := range append(s.files, "README") {
		if found, err := filepath.Glob(filepath.Join(root, "docs*", file)); err != nil || len(found) != 1 {
			t.Errorf("%s is not published\n%s", file, said)
		}
	}
	if strings.Contains(string(said), password) {
		t.Errorf("the password is in the log:\n%s", said)
	}
}

// argumentsOf gives the args of the container in a manifest.
func argumentsOf(manifest string) []string {
	var args []string
	for _, m := range regexp.MustCompile(`(?m)^ +- (--\S+)$`).FindAllStringSubmatch(manifest, -1) {
		args = append(args, m[1])
	}
	return args
}

// stageHTTP has one repository behind HTTP.
func stageHTTP(t *testing.T, allowed gitserver.Auth) *stage {
	t.Helper()
	r := gitserver.NewRepoWith(t, gitserver.RepoOptions{Name: "docs.git"})
	r.Commit(map[string]string{"README": "hello\n"})
	server := gitserver.HTTP(t, r)
	server.Require(allowed)
	s := &stage{secrets: t.TempDir(), replace: map[string]string{"https://git.example.com": server.URL}}
	put(t, filepath.Join(s.secrets, "password"), password+"\n", 0o400)
	return s
}

// stageHosts has a submodule on another host.
func stageHosts(t *testing.T) *stage {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "vendor"), 0o755); err != nil {
		t.Fatal(err)
	}
	lib := gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: filepath.Join(root, "vendor"), Name: "lib.git"})
	top := gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root, Name: "top.git"})
	vendor := gitserver.HTTP(t, top)
	vendor.Require(gitserver.Basic("ci", "vendor-secret"))

	docs := gitserver.NewRepoWith(t, gitserver.RepoOptions{Name: "docs.git"})
	docs.Apply(gitserver.Change{
		Files:    map[string]string{"README": "hello\n", ".gitmodules": module("lib", vendor.URL+"/vendor/lib.git")},
		Gitlinks: map[string]string{"lib": lib.Commit(map[string]string{"lib.txt": "x\n"})},
	})
	main := gitserver.HTTP(t, docs)
	main.Require(gitserver.Basic("bot", password))
	s := &stage{
		secrets: t.TempDir(), files: []string{"lib/lib.txt"},
		replace: map[string]string{"https://git.example.com": main.URL, "https://lib.example.com": vendor.URL},
	}
	put(t, filepath.Join(s.secrets, "password"), password+"\n", 0o400)
	put(t, filepath.Join(s.secrets, "vendor"), "vendor-secret\n", 0o400)
	return s
}

func stageAskpass(t *testing.T) *stage {
	s := stageHTTP(t, gitserver.Basic("bot", password))
	answer := ""
	for _, e := range documented(t) {
		if e.Section == "Askpass URL" && e.Lang == "" {
			answer = e.Code // as the document says that it must be
		}
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
	t.Cleanup(service.Close)
	s.replace["http://localhost:9102"] = service.URL
	return s
}

func stageCookies(t *testing.T) *stage {
	s := stageHTTP(t, gitserver.Cookie("o", "git-bot"))
	file := filepath.Join(s.secrets, "cookie_file")
	put(t, file, "127.0.0.1\tFALSE\t/\tFALSE\t2147483647\to\tgit-bot\n", 0o400)
	s.replace["--cookie-file"] = "--git-config=http.cookieFile:" + file // the option's own path is fixed
	return s
}

func stageApp(t *testing.T) *stage {
	s := stageHTTP(t, nil)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(s.secrets, "app.pem"), pemOf(key), 0o400)
	r := gitserver.NewRepoWith(t, gitserver.RepoOptions{Name: "docs.git"})
	r.Commit(map[string]string{"README": "hello\n"})
	server := gitserver.HTTP(t, r)
	server.Require(gitserver.AnyOf())
	github := newGitHub(t, "Iv23", &key.PublicKey, func(token string) { server.Require(gitserver.Basic("x-access-token", token)) })
	s.replace["https://api.example.com"], s.replace["https://git.example.com"] = github.URL, server.URL
	return s
}

// stageSSH has one repository behind ssh, which the keys open.
func stageSSH(t *testing.T, keys ...string) *stage {
	t.Helper()
	server := sshserver.New(t)
	s := &stage{secrets: t.TempDir(), replace: map[string]string{"ssh://git@git.example.com/": strings.TrimSuffix(server.URL("docs.git"), "docs.git")}}
	theme := gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: server.Dir, Name: "theme.git"})
	hash := theme.Commit(map[string]string{"theme.css": "x\n"})
	docs := gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: server.Dir, Name: "docs.git"})
	change := gitserver.Change{Files: map[string]string{"README": "hello\n"}}
	if len(keys) > 0 {
		change.Files[".gitmodules"], change.Gitlinks = module("theme", "../theme.git"), map[string]string{"theme": hash}
		s.files = []string{"theme/theme.css"}
	}
	docs.Apply(change)
	put(t, filepath.Join(s.secrets, "ssh"), get(t, server.NewKey("docs", "docs.git")), 0o440)
	for _, name := range keys {
		put(t, filepath.Join(s.secrets, name), get(t, server.NewKey(name, name+".git")), 0o440)
	}
	put(t, filepath.Join(s.secrets, "known_hosts"), get(t, server.KnownHosts), 0o444)
	return s
}

func stageDeployKeys(t *testing.T) *stage { return stageSSH(t, "theme") }

func stageTLS(t *testing.T) *stage {
	r := gitserver.NewRepoWith(t, gitserver.RepoOptions{Name: "docs.git"})
	r.Commit(map[string]string{"README": "hello\n"})
	server := gitserver.HTTPS(t, r)
	s := &stage{secrets: t.TempDir(), replace: map[string]string{"https://tls.example.com": server.URL}}
	put(t, filepath.Join(s.secrets, "ca.pem"), get(t, server.CAFile), 0o444)
	return s
}
