package config

import (
	"maps"
	"slices"
	"strings"
)

// unknownVariables warns about variables that begin like ours, but are unknown.
func (d *draft) unknownVariables(rows []option) {
	var known, aliases, unknown []string
	for _, o := range rows {
		for _, v := range o.vars {
			if v.unsupported {
				aliases = append(aliases, v.name)
			} else {
				known = append(known, v.name)
			}
		}
	}
	names := slices.Sorted(maps.Keys(d.env))
	for _, name := range names {
		ours := strings.HasPrefix(name, "GITSYNC_") || strings.HasPrefix(name, "GIT_SYNC_")
		if !ours || slices.Contains(known, name) || slices.Contains(aliases, name) || isExpected(name) || isInjected(name, d.env) {
			continue
		}
		if near := nearest(name, known); near != "" {
			name += " (did you mean " + near + "?)"
		}
		unknown = append(unknown, name)
	}
	if len(unknown) > 0 {
		d.warn("ignoring unknown environment variables", "variables", strings.Join(unknown, ", "))
	}
}

// isExpected reports whether a variable that we do not read causes no warning: GITSYNC_SSH, which charts set, those
// that we pass to hooks, in case a hook runs git-sync, and those that we pass to ourselves (GITSYNC_INTERNAL_*).
func isExpected(name string) bool {
	return slices.Contains([]string{"GITSYNC_SSH", "GITSYNC_HASH", "GITSYNC_PREVIOUS_HASH"}, name) || strings.HasPrefix(name, "GITSYNC_INTERNAL_")
}

// isInjected reports whether Kubernetes sets the variable in every container. For a Service whose name begins with
// git-sync or gitsync, there are NAME_SERVICE_HOST, NAME_SERVICE_PORT and NAME_PORT, and longer names that begin with
// the last two.
func isInjected(name string, env map[string]string) bool {
	for i := range name {
		if rest := name[i:]; strings.HasPrefix(rest, "_SERVICE_HOST") || strings.HasPrefix(rest, "_SERVICE_PORT") || strings.HasPrefix(rest, "_PORT") {
			if _, ok := env[name[:i]+"_SERVICE_HOST"]; ok {
				return true
			}
		}
	}
	return false
}
