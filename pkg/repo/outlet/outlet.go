// Package outlet defines how consumers see the published tree: through a symlink, or as a copy in a directory. It
// hides that from other packages. Its Current says what is published. The commit comes from the tree's record, never
// from a name.
package outlet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"git-sync/pkg/repo/internal/disk"
)

// Kind says how a tree is published.
type Kind string

// The values of Kind.
const (
	KindLink      Kind = "link"      // a symlink to the tree
	KindDirectory Kind = "directory" // a directory, exchanged as a whole
	KindInPlace   Kind = "in-place"  // a directory, updated file by file
)

// Kinds returns all kinds, the default first.
func Kinds() []Kind { return []Kind{KindLink, KindDirectory, KindInPlace} }

// Outlet publishes complete trees, one at a time.
type Outlet interface {
	// Path returns the published path, absolute.
	Path() string
	// Check refuses a published path that is neither free nor ours. The error then wraps *disk.RefusedError. Check
	// does not write.
	Check() error
	// Current returns what is published; ok is false if no git-sync has published it.
	Current() (p Published, ok bool)
	// Publish publishes the complete tree t. If the process is killed, either the old or the new tree is published.
	// An interrupted update in place is completed by the next Publish.
	Publish(ctx context.Context, t Tree) error
	// Heal removes what an interrupted publication has left behind.
	Heal() error
	// Inspect returns the condition of a copy, which consumers may have modified.
	Inspect(ctx context.Context) Condition
}

// New returns the outlet of that kind.
func New(kind Kind, p Place) Outlet {
	switch kind {
	case KindDirectory:
		return &Directory{copies{Place: p, kind: kind}}
	case KindInPlace:
		return &InPlace{copies{Place: p, kind: kind}}
	case KindLink:
		return Link{p}
	}
	panic("there is no outlet of the kind " + string(kind))
}

// Tree is a complete tree to publish.
type Tree struct {
	Dir string // absolute
	ID  string // name of its admin directory
	// Index, if set, is git's index of the tree: the tree is as git made it, and has no other files. HashSize is the
	// length of its object names in bytes.
	Index    string
	HashSize int
}

// Condition is what is known of a copy.
type Condition int

// The values of Condition.
const (
	Intact     Condition = iota
	Unverified           // it could not be compared yet
	Damaged              // it differs from what was published
)

// Published is what consumers see.
type Published struct {
	Kind Kind
	// Dir is the directory that consumers see, absolute. It may not exist.
	Dir string
	// Tree is the tree that is Dir or contains it; empty if Dir is a copy.
	Tree string
	// ID is the name of the tree's admin directory; empty if the tree has lost its .git file.
	ID    string
	Since time.Time
}

// Name returns the name of a published path for the marker of a store. A path in the root is relative to the root,
// because the volume may be mounted elsewhere next time.
func Name(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// RemoveFormer removes what was published under another name before a change of configuration. The name is as
// returned by Name. It returns false if git-sync does not publish there any more.
func RemoveFormer(root, name string) (removed bool, err error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(root, name)
	}
	c := copies{Place: Place{Root: root, Name: name}}
	now, ok := c.Current()
	if ok && now.Kind == KindLink && IsPlace(strings.TrimPrefix(now.Tree, root+"/")) { // otherwise another root may use it now
		return true, disk.Remove(name)
	}
	if !ok || now.Kind == KindLink {
		return false, c.forget()
	}
	m, err := readUpdated(c.state(manifestName), c.state(journalName))
	if err != nil {
		return false, err
	}
	u := update{dir: name, old: m, next: &manifest{}}
	if u.root, err = os.OpenRoot(name); err != nil {
		return false, err
	}
	if err = errors.Join(u.removeOld(), u.root.Close()); err != nil {
		return false, err
	}
	_ = os.Remove(name) // fails unless it is empty
	return true, c.forget()
}

// RemoveLinks removes the root's links to trees, which an older git-sync has published, except the one called kept.
func RemoveLinks(root, kept string) error {
	entries, err := os.ReadDir(root)
	for _, e := range entries {
		name := filepath.Join(root, e.Name())
		if target, _ := os.Readlink(name); name != kept && IsPlace(strings.TrimPrefix(target, root+"/")) {
			err = errors.Join(err, disk.Remove(name))
		}
	}
	return err
}
