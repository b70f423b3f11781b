package auth

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
)

// TestLocalRepositoryMissing asks a real git for what is not there, on this machine and from a git
// daemon: neither has anything to do with ssh, or with any credential.
func TestLocalRepositoryMissing(t *testing.T) {
	dir := t.TempDir()
	empty, file := filepath.Join(dir, "em pty"), filepath.Join(dir, "file")
	if err := os.Mkdir(empty, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, file, []byte("text"), 0o600)
	up := gitserver.NewRepo(t)
	up.Commit(map[string]string{"a": "1"})
	daemon := strings.TrimSuffix(gitserver.Daemon(t, up), up.Name()) + "nope.git"

	for _, c := range []struct{ url, want, hint string }{
		{dir + "/nope", "no such directory: " + dir + "/nope", "mounted"},
		{"file://" + dir + "/nope", "no such directory: " + dir + "/nope", "mounted"},
		{"file://" + dir + "/em%20pty", empty + " is a directory, but not a git repository", "bare"},
		{empty, empty + " is a directory, but not a git repository", "bare"},
		{file, file + " is a file, not a repository", "mounted"},
		{"file://" + file, file + " is a file, not a repository", "mounted"},
		{daemon, "the git daemon serves no repository at " + strings.TrimPrefix(daemon, "git://"), "git-daemon-export-ok"},
	} {
		err := refusal(t, c.url)
		if !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "ssh") {
			t.Errorf("%s: %v", c.url, err)
		}
		var hinted interface{ Hint() string }
		if !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), c.hint) || strings.Contains(hinted.Hint(), "key") {
			t.Errorf("%s: the hint is %q", c.url, hinted.Hint())
		}
	}
}

// refusal is what Explain makes of a real git's failure to read url.
func refusal(t *testing.T, url string) error {
	t.Helper()
	g, err := git.New(t.Context(), git.Options{Path: "git", Env: gitserver.Env()})
	if err != nil {
		t.Fatal(err)
	}
	a := New(Options{Self: "/self", URL: url})
	a.offer.ssh.sshDefaults = true // as it is when no key is configured
	_, err = g.Run(t.Context(), git.Cmd("ls-remote").Operand(url))
	if err == nil {
		t.Fatalf("%s is there", url)
	}
	return a.Explain(err)
}

// TestOthersFailures are not explained by what is wrong with the local repository, which is fine.
func TestOthersFailures(t *testing.T) {
	up := gitserver.NewRepo(t)
	const noRepository = "fatal: '/srv/sub' does not appear to be a git repository\nfatal: Could not read from remote repository."
	for _, c := range []struct{ url, at, said, want string }{
		{up.FileURL(), up.FileURL(), "fatal: Could not read from remote repository.", ""},
		{up.Dir, "/srv/sub", noRepository, "no such directory: /srv/sub: "},
		{"https://h/x", "/srv/sub", noRepository, "no such directory: /srv/sub: "},
		{up.Dir, "git@h:y", "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.", "the ssh server refused us"},
		{"git@h:x", "git@h:x", "fatal: 'x' does not appear to be a git repository\nfatal: Could not read from remote repository.", "the ssh server refused us"},
	} {
		a := New(Options{Self: "/self", URL: c.url})
		a.offer.ssh.sshDefaults = true
		kind := git.KindRepoNotFound
		if !strings.Contains(c.said, "\n") {
			kind = git.KindNetwork
		}
		cause := &git.Error{Op: "fetch", URL: c.at, Kind: kind, Stderr: c.said}
		if c.want == "" {
			c.want = cause.Error()
		}
		if got := a.Explain(cause); !strings.HasPrefix(got.Error(), c.want) {
			t.Errorf("%s, %q: %v", c.url, c.said, got)
		}
	}
}
