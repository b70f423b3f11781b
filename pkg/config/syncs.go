package config

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// readSyncs makes the syncs of a configuration file. d has the options of the process.
func (d *draft) readSyncs(f file, rows []option, l layers) []*draft {
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

// checkOverlaps refuses syncs that would write to the same place. It compares paths as they are written.
func (d *draft) checkOverlaps(all []*draft) {
	for i, a := range all {
		for _, b := range all[:i] {
			link, other := a.linkPath(), b.linkPath()
			switch root, otherRoot := path.Clean(a.Root), path.Clean(b.Root); {
			case a.Root == "" || b.Root == "", a.Name == "" || b.Name == "": // a problem already
			case within(root, otherRoot), within(otherRoot, root):
				d.problem(a.named("root"), quoted(a.Root)+" overlaps with the root of "+b.Name, "give each sync a directory of its own")
			case link == other, within(link, other), within(other, link), within(link, otherRoot), within(otherRoot, link), within(other, root), within(root, other):
				d.problem(a.named("link"), quoted(a.Link)+" overlaps with the root or link of "+b.Name, "give each sync a link of its own")
			}
		}
	}
}

// checkFiles refuses a file that two syncs would write to. It compares paths as they are written.
func (d *draft) checkFiles(all []*draft) {
	owners := map[string]*draft{}
	for _, s := range all {
		for _, o := range [][2]string{{"error-file", s.ErrorFile}, {"touch-file", s.TouchFile}} {
			place := s.inRoot(o[1])
			switch first := owners[place]; {
			case o[1] == "" || s.Root == "" || s.Name == "": // nothing, or a problem already
			case first == nil:
				owners[place] = s
			case first != s:
				d.problem(s.named(o[0]), quoted(o[1])+" is a file of "+first.Name+" as well", "give each sync a file of its own")
			}
		}
	}
}

// linkPath is the published link, as far as it can be known without looking at the disk.
func (s Sync) linkPath() string { return s.inRoot(s.Link) }

// inRoot is a path that is absolute or relative to the root.
func (s Sync) inRoot(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(s.Root, p)
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
