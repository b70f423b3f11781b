// Package outlet is how consumers see the published tree. Nothing else knows how: what
// is published is asked of the outlet, and the commit is known from the tree's record,
// never from a name.
package outlet

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"git-sync/pkg/repo/internal/disk"
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
	// Publish makes the complete tree at dir the published one. It is the commit
	// point: a kill leaves what was published before, or the new tree.
	Publish(dir string) error
	// Heal removes what an interrupted publication has left.
	Heal() error
}

// Published is a tree that consumers see.
type Published struct {
	// Dir is where the tree is, absolute. It may be gone.
	Dir string
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
	if !leadsToTree(root, name) {
		return nil
	}
	return disk.Remove(name)
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
