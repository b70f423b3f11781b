package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// unknownVariables tells of variables that look like ours and are not.
func (d *draft) unknownVariables(rows []option) {
	var known []string
	for _, o := range rows {
		for _, v := range o.vars {
			known = append(known, v.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.env)) {
		ours := strings.HasPrefix(name, "GITSYNC_") || strings.HasPrefix(name, "GIT_SYNC_")
		if !ours || slices.Contains(known, name) || isHarmless(name) {
			continue
		}
		args := []any{"variable", name}
		if near := nearest(name, known); near != "" {
			args = append(args, "nearest", near)
		}
		d.note("an environment variable that git-sync does not know is ignored", args...)
	}
}

// isHarmless says whether a variable that we do not read is expected all the same: GITSYNC_SSH, which charts set;
// what we give to hooks, in case one of them runs us, and to ourselves (GITSYNC_INTERNAL_*); and what Kubernetes puts
// into every container for a Service whose name begins with git-sync, such as GIT_SYNC_SERVICE_HOST and
// GIT_SYNC_PORT_80_TCP_ADDR.
func isHarmless(name string) bool {
	switch name {
	case "GITSYNC_SSH", "GITSYNC_HASH", "GITSYNC_PREVIOUS_HASH":
		return true
	}
	if strings.HasPrefix(name, "GITSYNC_INTERNAL_") {
		return true
	}
	return regexp.MustCompile(`^GIT_SYNC_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)$`).MatchString(name)
}
