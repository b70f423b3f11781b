package harness

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Root is a directory that git-sync keeps, with what it publishes.
type Root struct {
	Dir  string // --root
	Link string // the path that consumers read through
}

// NewRoot is a root below dir that publishes DIR/root/link.
func NewRoot(dir string) Root {
	return Root{Dir: filepath.Join(dir, "root"), Link: filepath.Join(dir, "root", "link")}
}

// Args are the options that make git-sync keep this root.
func (r Root) Args(url string) []string {
	link, err := filepath.Rel(r.Dir, r.Link)
	if err != nil {
		link = r.Link
	}
	return []string{"--repo=" + url, "--root=" + r.Dir, "--link=" + link}
}

// Published is the commit that is published, as "git rev-parse HEAD" in the published tree says; "" when nothing is. This holds
// in whichever way it is published and whatever its directory is called. It is read without a process, since it is polled.
func (r Root) Published() string {
	dir, err := filepath.EvalSymlinks(r.Link)
	if err != nil {
		return ""
	}
	file, err := os.ReadFile(filepath.Join(dir, ".git"))
	if err != nil {
		return ""
	}
	admin := strings.TrimSpace(strings.TrimPrefix(string(file), "gitdir: "))
	if !filepath.IsAbs(admin) {
		admin = filepath.Join(dir, admin)
	}
	head, err := os.ReadFile(filepath.Join(admin, "HEAD"))
	if err != nil {
		return "" // it is being replaced
	}
	return strings.TrimSpace(string(head))
}

// Publishes waits until a commit is published.
func (r Root) Publishes(t testing.TB, hash string) {
	t.Helper()
	Until(t, "publication of "+hash, func() bool { return r.Published() == hash })
}

// Path is the path of a published file.
func (r Root) Path(name string) string { return filepath.Join(r.Link, name) }

// Content is what a published file holds; "" if it is not there.
func (r Root) Content(name string) string {
	b, err := os.ReadFile(r.Path(name))
	if err != nil {
		return ""
	}
	return string(b)
}

// Shows waits until a published file holds that.
func (r Root) Shows(t testing.TB, name, content string) {
	t.Helper()
	Until(t, fmt.Sprintf("%s to hold %q", name, content), func() bool { return r.Content(name) == content })
}

// Made identifies the published tree: another one has another value, even for the same commit.
func (r Root) Made(t testing.TB) string {
	t.Helper()
	info, err := os.Stat(r.Path(".git"))
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().String()
}

// Store is git's directory in the root.
func (r Root) Store() string { return filepath.Join(r.Dir, ".git") }

// Trees are the checkouts in the root: the published one, and those that are being made or removed.
func (r Root) Trees() []string {
	var all []string
	for _, pattern := range []string{".worktrees/*", "rev-*", strings.Repeat("[0-9a-f]", 40)} {
		found, _ := filepath.Glob(filepath.Join(r.Dir, pattern))
		all = append(all, found...)
	}
	return all
}

// Trash is what is to be removed or collected in the background.
func (r Root) Trash() []string {
	var all []string
	for _, pattern := range []string{".git-sync.trash/*", ".git/git-sync/collect-*"} {
		found, _ := filepath.Glob(filepath.Join(r.Dir, pattern))
		all = append(all, found...)
	}
	return all
}

// Leftovers are git's temporary files in the store.
func (r Root) Leftovers() []string {
	var all []string
	_ = filepath.WalkDir(r.Store(), func(name string, d fs.DirEntry, _ error) error {
		if d != nil && (strings.HasPrefix(d.Name(), "tmp_") || strings.HasSuffix(d.Name(), ".lock")) {
			all = append(all, name)
		}
		return nil
	})
	return all
}
