// Package credentials tests pkg/auth against real servers that refuse whoever has no credential: git
// http-backend, sshd, and services that hand credentials out. Nothing is stubbed: git runs this test's
// own executable as its credential helper and in ssh's place, as it would run git-sync.
package credentials

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/test/harness"
)

// TestMain is what git-sync's main is.
func TestMain(m *testing.M) {
	if code, ours := auth.Helper(os.Environ(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr); ours {
		os.Exit(code)
	}
	if done := runAsAnother(); done {
		return
	}
	os.Exit(m.Run())
}

// client syncs with one set of options, as the loop does, but only to ask where the remote is.
type client struct {
	auth *auth.Auth
	git  *git.Git
	url  string
}

func newClient(t *testing.T, o auth.Options, env ...string) *client {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Self = self
	env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	g, err := git.New(t.Context(), git.Options{Env: env, Config: o.GitConfig})
	if err != nil {
		t.Fatal(err)
	}
	o.Env = g.Environ()
	if o.Learned == nil {
		o.Learned = func(string) {}
	}
	a := auth.New(o)
	t.Cleanup(func() { a.Close() })
	return &client{auth: a, git: g, url: o.URL}
}

// sync is one sync.
func (c *client) sync(t *testing.T) error {
	t.Helper()
	return c.run(t, git.Cmd("ls-remote").Operand(c.url))
}

// run runs one git command with the credentials of the moment.
func (c *client) run(t *testing.T, cmd *git.Command) error {
	t.Helper()
	overlay, err := c.auth.Refresh(t.Context())
	if err != nil {
		return err
	}
	_, err = c.git.With(overlay).Run(t.Context(), cmd)
	if git.KindOf(err) == git.KindAuth {
		c.auth.Rejected()
	}
	return c.auth.Explain(err)
}

// lets fails the test unless the sync succeeds.
func (c *client) lets(t *testing.T, when string) {
	t.Helper()
	if err := c.sync(t); err != nil {
		t.Errorf("%s: %v; hint: %s", when, err, hint(err))
	}
}

// refuses fails the test unless the sync fails, with a message and a hint that together hold all words.
func (c *client) refuses(t *testing.T, when string, words ...string) {
	t.Helper()
	err := c.sync(t)
	if err == nil {
		t.Errorf("%s: let in", when)
		return
	}
	text := err.Error() + "; hint: " + hint(err)
	t.Logf("%s: %s", when, text)
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s: %q is not in: %s", when, word, text)
		}
	}
	if hint(err) == "" {
		t.Errorf("%s: no hint: %v", when, err)
	}
}

// asGit finds git's own error.
func asGit(err error, target **git.Error) bool { return errors.As(err, target) }

func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// put replaces a file at once, as a mounted secret is replaced.
func put(t *testing.T, file, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if mode == 0o755 {
		harness.Executable(t, file, content)
		return
	}
	tmp := fmt.Sprintf("%s.%d", file, os.Getpid())
	for _, err := range []error{
		os.WriteFile(tmp, []byte(content), 0o600),
		os.Chmod(tmp, mode),
		os.Rename(tmp, file),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func get(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
