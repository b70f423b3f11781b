package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// place is a path that a sync writes to.
type place struct {
	sync *draft
	id   string // the option with the path
	as   string // the option's value
	path string // absolute, without symlinks in its directory
}

// places returns the places of a sync. It leaves out those that already have a problem.
func (d *draft) places() []place {
	if d.Root == "" || d.File != "" && d.Name == "" {
		return nil
	}
	all := []place{{d, "root", d.Root, realPath(d.Root)}}
	for _, p := range []place{{id: "link", as: d.Link}, {id: "error-file", as: d.ErrorFile}, {id: "touch-file", as: d.TouchFile}} {
		if p.as != "" {
			all = append(all, place{d, p.id, p.as, d.inRoot(p.as)})
		}
	}
	return all
}

// checkPlaces reports syncs that would write to the same place, and files that would replace git-sync's own files.
func (d *draft) checkPlaces(all []*draft) {
	var taken []place
	for _, s := range all {
		rootOverlaps := false
		for _, p := range s.places() {
			i := slices.IndexFunc(taken, p.overlaps)
			taken = append(taken, p)
			if i < 0 || rootOverlaps && !filepath.IsAbs(p.as) { // everything in the root overlaps as well
				continue
			}
			rootOverlaps = rootOverlaps || p.id == "root"
			switch other := taken[i]; {
			case other.sync != s && other.sync.Name == s.Name: // the name is the problem
			case other.sync != s:
				d.problem(s.named(p.id), quoted(p.as)+" overlaps with the "+other.id+" of "+other.sync.Name, "give each sync paths of its own")
			case other.id == "link":
				d.problem(s.named(p.id), quoted(p.as)+" is inside the published path", "choose a path outside of it")
			default:
				d.problem(s.named(p.id), quoted(p.as)+" is inside the object store", "choose a path outside of it")
			}
		}
	}
}

// overlaps reports whether writing to one of two places could damage the other. A file of a sync may be in its own
// root, but neither in the published directory nor in the object store. pkg/repo rejects a link that contains the
// root.
func (p place) overlaps(o place) bool {
	switch {
	case p.sync != o.sync:
		return within(p.path, o.path) || within(o.path, p.path)
	case p.id == "link", o.id == "error-file":
		return false
	case o.id == "root":
		return within(p.path, o.path+"/.git")
	}
	return within(p.path, o.path) && !within(realPath(p.sync.Root), o.path)
}

// inRoot returns the path of a file or link that is absolute or relative to the root. It does not follow a symlink at
// the path itself.
func (s Sync) inRoot(p string) string {
	if !filepath.IsAbs(p) {
		p = s.Root + "/" + p
	}
	dir, name := filepath.Split(strings.TrimRight(p, "/"))
	return filepath.Join(realPath(dir), name)
}

// realPath returns an absolute path without symlinks. The path may not exist completely.
func realPath(p string) string {
	real, err := filepath.EvalSymlinks(p)
	if err == nil {
		return real
	}
	dir, name := filepath.Split(strings.TrimRight(p, "/"))
	if dir == "" || dir == p {
		return p
	}
	return filepath.Join(realPath(dir), name)
}

// within reports whether a is b or below it.
func within(a, b string) bool { return a == b || strings.HasPrefix(a, strings.TrimSuffix(b, "/")+"/") }
