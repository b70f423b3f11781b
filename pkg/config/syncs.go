package config

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// readSyncs makes the syncs of a configuration file. d has the options of the process.
func (d *draft) readSyncs(f file, l layers) []*draft {
	d.problems = append(d.problems, f.problems...)
	l.defaults = f.defaults
	var all []*draft
	for _, entry := range f.syncs {
		s, rows := newDraft()
		s.Process, s.from, s.env = d.Process, maps.Clone(d.from), d.env
		s.Name, s.at = entry.name, entry.at
		l.entry = entry.values
		s.apply(rows, perSync, l)
		s.complete()
		all = append(all, s)
		for _, p := range s.problems {
			if !slices.Contains(d.problems, p) { // a flag is wrong for each of them
				d.problems = append(d.problems, p)
			}
		}
	}
	d.checkOverlaps(all)
	d.checkFiles(all)
	return all
}

// checkOverlaps refuses syncs that would write to the same place.
func (d *draft) checkOverlaps(all []*draft) {
	for i, a := range all {
		for _, b := range all[:i] {
			link, other := a.place(a.Link), b.place(b.Link)
			switch root, otherRoot := realPath(a.Root), realPath(b.Root); {
			case a.Root == "" || b.Root == "", a.Name == "" || b.Name == "": // a problem already
			case within(root, otherRoot), within(otherRoot, root):
				d.problem(a.named("root"), quoted(a.Root)+" overlaps with the root of "+b.Name, "give each sync a directory of its own")
			case link == other, within(link, other), within(other, link), within(link, otherRoot), within(otherRoot, link), within(other, root), within(root, other):
				d.problem(a.named("link"), quoted(a.Link)+" overlaps with the root or link of "+b.Name, "give each sync a link of its own")
			}
		}
	}
}

// checkFiles refuses a file that two syncs would write to, or that would replace what git-sync publishes or keeps.
func (d *draft) checkFiles(all []*draft) {
	owners := map[string]*draft{}
	for _, s := range all {
		for _, o := range [][2]string{{"error-file", s.ErrorFile}, {"touch-file", s.TouchFile}} {
			place := s.place(o[1])
			taken := func(t *draft) bool {
				root, link := realPath(t.Root), t.place(t.Link)
				inLink := within(place, link) && !within(root, link) // a link around the root is refused anyway
				return t.Root != "" && (inLink || within(place, root+"/.git") || t != s && within(place, root))
			}
			switch first := owners[place]; {
			case o[1] == "" || s.Root == "" || d.File != "" && s.Name == "": // nothing, or a problem already
			case slices.ContainsFunc(all, taken):
				d.problem(s.named(o[0]), quoted(o[1])+" is where git-sync publishes or keeps a repository", "choose a path outside of it")
			case first == nil:
				owners[place] = s
			case first != s:
				d.problem(s.named(o[0]), quoted(o[1])+" is a file of "+first.Name+" as well", "give each sync a file of its own")
			}
		}
	}
}

// place is where a file or link is whose path is absolute or relative to the root. What it links to does not count.
func (s Sync) place(p string) string {
	if !filepath.IsAbs(p) {
		p = s.Root + "/" + p
	}
	dir, name := filepath.Split(strings.TrimRight(p, "/"))
	return filepath.Join(realPath(dir), name)
}

// realPath is an absolute path without symlinks, of which not all exists yet.
func realPath(p string) string {
	dir, name := filepath.Split(strings.TrimRight(p, "/"))
	switch real, err := filepath.EvalSymlinks(p); {
	case err == nil:
		p = real
	case dir != "" && dir != p:
		p = filepath.Join(realPath(dir), name)
	}
	if abs, err := filepath.Abs(p); err == nil {
		return abs
	}
	return p
}

// within says whether a is b or below it.
func within(a, b string) bool { return a == b || strings.HasPrefix(a, strings.TrimSuffix(b, "/")+"/") }

// alternatives are options of which a sync has only one: what the file says for a sync replaces the others of flags,
// variables and defaults.
func alternatives() [][]string {
	return [][]string{
		{"ref", "rev", "ref-pattern", "ref-semver"},
		{"password", "password-file"},
		{"github-app-private-key-file", "GITSYNC_GITHUB_APP_PRIVATE_KEY"},
		{"github-app-client-id", "github-app-application-id"},
		{"receiver-secret-file", "GITSYNC_RECEIVER_SECRET"},
	}
}

// dropAlternatives leaves out of each group of alternatives what is not of the first layer that has any.
func dropAlternatives(chosen map[string]given) {
	for _, group := range alternatives() {
		first := fromDefaults
		for _, id := range group {
			if in, ok := chosen[id]; ok {
				first = min(first, in.origin.rank())
			}
		}
		for _, id := range group {
			if in, ok := chosen[id]; ok && in.origin.rank() != first {
				delete(chosen, id)
			}
		}
	}
}
