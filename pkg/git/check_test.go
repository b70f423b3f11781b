package git_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/troubleshooting"
)

func TestCheckURL(t *testing.T) {
	for _, good := range []string{
		"https://github.com/org/repo", "https://user:p%40ss@host:8443/x.git", "http://[::1]:80/x", "ssh://git@host:22/~/x",
		"git://host/x", "git+ssh://git@host/x", "file:///srv/x.git", "file:///with blank", "git@github.com:org/repo.git", "host:path", "[::1]:path", "git@[::1]:path",
		"[user@host:22]:path", "/srv/repos/x.git", "./x", "../x", "x", "/odd:name", "./a:b", "/a::b",
	} {
		if err := git.CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "-x", "--upload-pack=touch /tmp/x", "ext::sh -c touch% /tmp/x", "fd::17", "foo::https://host/x", "ftp://host/x", "HTTPS://host/x",
		"javascript://x", "git+svn://host/x", "https://", "https:///x", "ssh://-oProxyCommand=x/y", "ssh://-x@host/y", "git://-x/y",
		"-oProxyCommand=x:y", "git@-oProxyCommand=x:y", "host:-x", "host:", ":path", "https://host/a b", "https://ho st/x",
		"https://host/\nx", "a\x00b", "a\x7f", "x\xff", "https://host:port/x", "file://relative", "file://host/x", "two words:x", "a::b",
	} {
		if err := git.CheckURL(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestCheckURLKeepsPasswords(t *testing.T) {
	for _, bad := range []string{"https://u:hunter2@host/a b", "https://u:hunter2@host:x/", "https://u:hunter2@/", "foo://u:hunter2@host/", "https://u:hun%zzter2@host/"} {
		err := git.CheckURL(bad)
		if err == nil {
			t.Errorf("%q passes", bad)
		} else if strings.Contains(err.Error(), "hun") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

// FuzzCheckURL: what passes makes git run nothing but its own transports. A helper
// of the URL's choice would leave a file.
func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{"https://host/x", "ext::sh -c x", "git@host:x", "-x", "/tmp/x", "[::1]:x", "a::b", "ssh://-x/y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, repo string) {
		if git.CheckURL(repo) != nil {
			return
		}
		if strings.HasPrefix(repo, "-") || strings.ContainsAny(repo, "\x00\r\n") {
			t.Errorf("%q passes", repo)
		}
		// As git does it, see transport.c.
		word := repo[:len(repo)-len(strings.TrimLeft(repo, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."))]
		rest := repo[len(word):]
		if word != "" && strings.HasPrefix(rest, "::") {
			t.Errorf("%q passes, and names a helper", repo)
		}
		if strings.HasPrefix(rest, "://") && !strings.Contains(" https http ssh git file git+ssh ssh+git ", " "+word+" ") {
			t.Errorf("%q passes, and names a foreign scheme", repo)
		}
	})
}

// TestRefusedTransports: X3. Should a URL pass the check, git refuses by itself.
func TestRefusedTransports(t *testing.T) {
	g := newGit(t, "GIT_ALLOW_PROTOCOL=ext:fd")
	proof := filepath.Join(t.TempDir(), "proof")
	_, err := g.Run(t.Context(), git.Cmd("ls-remote").Operand("ext::sh -c touch% "+proof))
	if git.KindOf(err) != git.KindRefused {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(proof); err == nil {
		t.Error("the command was run")
	}
}

// TestMeantURL: E6. The error shows the URL that is meant.
func TestMeantURL(t *testing.T) {
	for repo, meant := range map[string]string{
		"ssh://host:team/repo":       "ssh://host/team/repo",
		"ssh://git@host:team/repo":   "@host/team/repo",
		"https://host:team/repo.git": "https://host/team/repo.git",
		"https:github.com/foo/bar":   "https://github.com/foo/bar",
		"http:/github.com/foo/bar":   "http://github.com/foo/bar",
		`"https://host/x"`:           "leave them out",
	} {
		err := git.CheckURL(repo)
		if err == nil || !strings.Contains(err.Error(), meant) {
			t.Fatalf("%q: %v does not say %q", repo, err, meant)
		}
		troubleshooting.Documented(t, err.Error())
	}
}
