package credentials

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/test/gitserver"
	"git-sync/test/sshserver"
	"git-sync/test/troubleshooting"
)

// asks makes the client sync another URL, as that of a submodule.
func (c *client) asks(t *testing.T, url string) error {
	t.Helper()
	return c.run(t, git.Cmd("ls-remote").Operand(url).URL(url))
}

// says checks an error, and that what it advises has all words and none of the others.
func says(t *testing.T, err error, words []string, not ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	text := err.Error() + "\n" + hint(err)
	troubleshooting.Documented(t, text)
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in: %s", w, text)
		}
	}
	for _, w := range not {
		if strings.Contains(text, w) {
			t.Errorf("%q is in: %s", w, text)
		}
	}
}

// TestSubmoduleIsRefused: what may not be read is not --repo, and the remedy is another option.
func TestSubmoduleIsRefused(t *testing.T) {
	_, url := upstream(t, nil)
	private, privateURL := upstream(t, gitserver.Basic("joe", "pw"))
	c := newClient(t, auth.Options{URL: url})
	says(t, c.asks(t, privateURL), []string{"no credential is configured for " + private.URL, "--credential for " + privateURL}, "--repo", "--username")
	says(t, c.asks(t, private.URL+"/nope.git"), []string{"--credential for " + private.URL + "/nope.git"}, "--repo")

	s := sshUpstream(t, "a.git", "b.git")
	key := s.NewKey("deploy", "a.git")
	ssh := newClient(t, options(s, "a.git", key))
	ssh.lets(t, "the repository")
	says(t, ssh.asks(t, s.URL("b.git")), []string{"no such repository for the SSH key " + key, "--credential with ssh-key-file", s.URL("b.git")}, "check --repo")
}

// TestServerRefusesAfterLogin: E1. All that the server says is said, and that the key was known.
func TestServerRefusesAfterLogin(t *testing.T) {
	for name, c := range map[string]struct{ said, want string }{
		"Gitea, no repository": {"Gitea: Cannot find repository: acme/site", "no such repository for the SSH key "},
		"Gitea, a deploy key":  {"Public (Deploy) Key: 3:ci is not authorized to read acme/site.", "knows the SSH key, but refuses"},
		"an expired key":       {"remote: Your SSH key has expired.\nremote: Renew it.", "knows the SSH key, but refuses"},
		"an outage":            {"The site is read-only today.\nCome back tomorrow.", "Come back tomorrow."},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			script := filepath.Join(dir, "refuse")
			put(t, filepath.Join(dir, "said"), c.said+"\n", 0o644)
			put(t, script, "#!/bin/sh\ncat "+dir+"/said >&2\nexit 1\n", 0o755)
			s := sshserver.New(t, "ForceCommand "+script)
			err := newClient(t, options(s, "a.git", s.NewKey("alice"))).sync(t)
			words := []string{c.want}
			for line := range strings.SplitSeq(c.said, "\n") {
				words = append(words, strings.TrimPrefix(line, "remote: "))
			}
			says(t, err, words, "DNS", "firewall", "public half")
		})
	}
}

// TestProxyRefuses: E3. It is the proxy, which one, and where its password goes.
func TestProxyRefuses(t *testing.T) {
	status := http.StatusProxyAuthRequired
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer proxy.Close()
	host := strings.TrimPrefix(proxy.URL, "http://")
	o := auth.Options{URL: "https://forge.example/x.git"}
	for _, status = range []int{http.StatusProxyAuthRequired, http.StatusForbidden, http.StatusUnauthorized} {
		says(t, newClient(t, o, "HTTPS_PROXY="+proxy.URL).sync(t),
			[]string{"the proxy " + host + " refuses", "HTTPS_PROXY: http://user:password@" + host, "NO_PROXY"}, "--username", "DNS")
		says(t, newClient(t, o, "HTTPS_PROXY=http://me:hunter2@"+host).sync(t), []string{"the proxy " + host, "check the user and password in HTTPS_PROXY"}, "hunter2")
	}
	status = http.StatusProxyAuthRequired
	o.URL = "http://forge.example/x.git"
	says(t, newClient(t, o, "http_proxy="+proxy.URL).sync(t), []string{"the proxy " + host, "http_proxy (in lower case)"})
	o.URL = "http://127.0.0.1:1/x.git"
	says(t, newClient(t, o, "HTTP_PROXY="+proxy.URL).sync(t), []string{"HTTP_PROXY is set", "set http_proxy"})
}

// TestRedirectedToAnotherHost: E5. From where to where, and what to write.
func TestRedirectedToAnotherHost(t *testing.T) {
	s, url := upstream(t, nil)
	private, _ := upstream(t, gitserver.Basic("joe", "pw"))
	s.Fail(gitserver.Rule{Do: gitserver.Redirect(http.StatusMovedPermanently, private.URL)})
	says(t, newClient(t, auth.Options{URL: url}).sync(t), []string{url + " redirects to " + private.URL, "no credential is configured", "--repo"})
}

// TestOwnSSHCommandAndKey: E9. The user's ssh command is run with the key of --ssh-key-file.
func TestOwnSSHCommandAndKey(t *testing.T) {
	s := sshUpstream(t, "a.git")
	o := options(s, "a.git", s.NewKey("alice"))
	calls := filepath.Join(t.TempDir(), "calls")
	program := filepath.Join(t.TempDir(), "myssh")
	put(t, program, "#!/bin/sh\necho \"$0 $1\" >>"+calls+"\nexec ssh \"$@\"\n", 0o755)
	for name, c := range map[string]struct {
		env    []string
		config []git.KV
	}{
		"GIT_SSH_COMMAND": {env: []string{"GIT_SSH_COMMAND=" + program + " -v"}},
		"GIT_SSH":         {env: []string{"GIT_SSH=" + program}},
		"core.sshCommand": {config: []git.KV{{Key: "core.sshCommand", Value: program + " -v"}}},
	} {
		_ = os.Remove(calls)
		o.GitConfig = c.config
		newClient(t, o, c.env...).lets(t, name)
		if got, _ := os.ReadFile(calls); len(got) == 0 {
			t.Errorf("%s was not run", name)
		}
	}
}

// TestSecretCannotBeRead: E12. Which of the reasons it is, and remedies that help against it.
func TestSecretCannotBeRead(t *testing.T) {
	needRoot(t)
	for name, c := range map[string]struct {
		make  func(dir, file string) error
		words []string
		not   []string
	}{
		"not mounted": {
			func(dir, _ string) error { return os.RemoveAll(dir) },
			[]string{"no such file", "is the secret mounted there?"},
			[]string{"fsGroup"},
		},
		"another key of the secret": {
			func(dir, file string) error { return os.Rename(file, filepath.Join(dir, "pass")) },
			[]string{"no such file", "holds pass: check the path"},
			[]string{"fsGroup", "mounted"},
		},
		"root's": {
			func(_, file string) error { return os.Chmod(file, 0o400) },
			[]string{"mode 0400", fmt.Sprintf("fsGroup: %d", nobody), "chgrp"},
			[]string{"mounted", "supplementalGroups"},
		},
		"another group's": {
			func(_, file string) error { return errors.Join(os.Chown(file, 0, 4321), os.Chmod(file, 0o440)) },
			[]string{"GID 4321", "supplementalGroups: [4321]"},
			[]string{"fsGroup", "mounted"},
		},
		"our group's, closed": {
			func(_, file string) error { return errors.Join(os.Chown(file, 0, nobody), os.Chmod(file, 0o400)) },
			[]string{"mode 0400", "fsGroup", "chmod g+r"},
			[]string{"supplementalGroups", "mounted"},
		},
		"in a closed directory": {
			func(dir, _ string) error { return os.Chmod(dir, 0o700) },
			[]string{"the directory ", "has mode 0700"},
			[]string{"mounted"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(openDir(t), "mount")
			file := filepath.Join(dir, "password")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			put(t, file, "pw", 0o444)
			if err := c.make(dir, file); err != nil {
				t.Fatal(err)
			}
			said := doAs(t, nobody, auth.Options{URL: "https://h.example/x", Settings: auth.Settings{Username: "u", PasswordFile: file}})
			says(t, errors.New(said), c.words, c.not...)
		})
	}
}
