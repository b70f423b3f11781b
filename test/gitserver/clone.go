package gitserver

import (
	"os"
	"path/filepath"
)

// Clone is somebody's working copy of a repository: a person who pushes, beside others who may do the same at the same moment.
type Clone struct {
	Dir string
	t   TB
}

// NewClone clones a URL (an empty repository as well) into a temporary directory.
func NewClone(t TB, url string) *Clone {
	t.Helper()
	c := &Clone{Dir: filepath.Join(t.TempDir(), "clone"), t: t}
	if _, err := (gitCall{args: []string{"clone", "--quiet", url, c.Dir}}).run(); err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

// Git runs git in the working copy and returns its output; a failure ends the test.
func (c *Clone) Git(args ...string) string {
	c.t.Helper()
	out, err := c.Try(args...)
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	return out
}

// Try is Git for a command that may fail, such as a push that another one was faster than.
func (c *Clone) Try(args ...string) (string, error) {
	return gitCall{dir: c.Dir, args: args}.run()
}

// Commit writes files and commits all there is, without pushing.
func (c *Clone) Commit(files map[string]string) {
	c.t.Helper()
	for name, content := range files {
		path := filepath.Join(c.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			c.t.Fatalf("%v", err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			c.t.Fatalf("%v", err)
		}
	}
	c.Git("add", "--all")
	c.Git("commit", "--quiet", "--allow-empty", "--message=from a clone")
}

// Push pushes the current branch with the arguments given.
func (c *Clone) Push(args ...string) {
	c.t.Helper()
	c.Git(append([]string{"push", "--quiet", "origin", "HEAD"}, args...)...)
}
