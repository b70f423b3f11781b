package config

import (
	"maps"
	"slices"
)

// makeSyncs makes the syncs that a file lists. d has the options of the process.
func (d *draft) makeSyncs(f *file, l layers) []*draft {
	l.defaults = f.defaults
	var all []*draft
	for _, entry := range f.syncs {
		s, rows := newDraft(d.findings)
		s.Process, s.from, s.env = d.Process, maps.Clone(d.from), d.env
		s.Name, s.at = entry.name, entry.at
		l.entry = entry.values
		s.apply(rows, perSync, l)
		s.complete()
		all = append(all, s)
	}
	return all
}

// alternatives returns groups of options of which a sync has only one. The option in the file replaces the others of
// its group from flags, variables and defaults.
func alternatives() [][]string {
	return [][]string{
		{"ref", "rev", "ref-pattern", "ref-semver"},
		{"password", "password-file"},
		{"github-app-private-key-file", "GITSYNC_GITHUB_APP_PRIVATE_KEY"},
		{"github-app-client-id", "github-app-application-id"},
		{"receiver-secret-file", "GITSYNC_RECEIVER_SECRET"},
	}
}

// dropAlternatives removes options of each group of alternatives, unless they are of the first layer that has one.
func dropAlternatives(chosen map[string]given) {
	for _, group := range alternatives() {
		first := fromDefaults
		for _, id := range group {
			if in, ok := chosen[id]; ok {
				first = min(first, in.origin.rank())
			}
		}
		maps.DeleteFunc(chosen, func(id string, in given) bool { return slices.Contains(group, id) && in.origin.rank() != first })
	}
}
