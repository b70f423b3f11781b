// Package outlet is how consumers see the published tree. Nothing else knows how: what
// is published is asked of the outlet, and the commit is known from the tree's record,
// never from a name.
package outlet

import "time"

// Outlet publishes complete trees, one at a time.
type Outlet interface {
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
