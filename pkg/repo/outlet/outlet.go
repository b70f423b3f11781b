// Package outlet is how consumers see the published tree: by a symlink, or as a copy in a
// directory. Nothing else knows how: what is published is asked of the outlet, and the
// commit is known from the tree's record, never from a name.
package outlet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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

// Outlet publishes complete trees, one at a time.
type Outlet interface {
	// Path is the published path, absolute.
	Path() string
	// Check refuses a published path that is neither free nor ours, by an error
	// that wraps *disk.RefusedError. It only reads.
	Check() error
	// Current returns what is published; ok is false when that is nothing that a
	// git-sync has published.
	Current() (p Published, ok bool)
	// Publish makes the complete tree t the published one. A kill leaves what was
	// published before, or the new tree, or, in place, an update that is completed later.
	Publish(ctx context.Context, t Tree) error
	// Heal removes what an interrupted publication has left.
	Heal() error
	// Inspect says in which condition a copy is that consumers may have written to.
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
	}
	return Link{p}
}

// Tree is a complete tree that is to be published.
type Tree struct {
	Dir string // absolute
	ID  string // name of its admin directory
}

// Condition is what is known of a copy.
type Condition int

// The values of Condition.
const (
	Intact     Condition = iota
	Unverified           // it could not be compared yet
	Damaged              // it differs from what was put there
)

// Published is a tree that consumers see.
type Published struct {
	Kind Kind
	// Dir is the directory that consumers see, absolute. It may be gone.
	Dir string
	// Tree is the tree that Dir is, or is a part of; empty where that is a copy.
	Tree string
	// ID is the name of the tree's admin directory; empty where the tree does not
	// say so any more.
	ID    string
	Since time.Time
}

// Name is the name of a published path in a store's marker: relative to the root
// where it is below it, for the volume may be mounted elsewhere next time.
func Name(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// RemoveFormer removes what was published under another name, as Name returned it,
// before the option for it was changed.
func RemoveFormer(root, name string) error {
	if !filepath.IsAbs(name) {
		name = filepath.Join(root, name)
	}
	if leadsToTree(root, name) {
		return disk.Remove(name)
	}
	c := copies{Place: Place{Root: root, Name: name}}
	if now, ok := c.Current(); !ok || now.Kind == KindLink {
		return c.forget()
	}
	m, err := readUpdated(c.state(manifestName), c.state(journalName))
	if err != nil {
		return err
	}
	u := update{dir: name, old: m, next: &manifest{}}
	if u.root, err = os.OpenRoot(name); err != nil {
		return err
	}
	if err = errors.Join(u.removeOld(), u.root.Close()); err != nil {
		return err
	}
	_ = os.Remove(name) // goes when it is empty
	return c.forget()
}

// RemoveLinksTo removes the root's links to the tree at place, which an older
// git-sync has published. The path that is published now is kept.
func RemoveLinksTo(root, place, kept string) error {
	entries, err := os.ReadDir(root)
	for _, e := range entries {
		name := filepath.Join(root, e.Name())
		if target, _ := os.Readlink(name); name != kept && (target == place || target == filepath.Join(root, place)) {
			err = errors.Join(err, disk.Remove(name))
		}
	}
	return err
}

// leadsToTree reports whether name is a link that is named as links to trees of
// this root are; the tree may be gone. A link outside of the root may by now be that
// of another root, of which ours is a copy.
func leadsToTree(root, name string) bool {
	target, err := os.Readlink(name)
	if err != nil {
		return false
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(name))
	if err != nil {
		return false
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	rel, err := filepath.Rel(root, target)
	for ; err == nil && filepath.IsLocal(rel) && rel != "."; rel = filepath.Dir(rel) {
		if IsPlace(rel) { // or a directory in it
			return true
		}
	}
	return false
}
