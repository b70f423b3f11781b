package config

import (
	"maps"
	"slices"
)

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
