package config

import (
	"net/url"
	"slices"
	"strings"

	"git-sync/pkg/secret"
)

// makeFields is what the startup log shows: what is synced and where, then each option that was given, by the name it
// was given, without its dashes.
func (d *draft) makeFields(rows []option) []any {
	var fields []any
	if d.URL != "" {
		fields = []any{"repo", withoutPassword(d.URL), "ref", d.Ref, "root", d.Root, "link", d.Link, "layout", string(d.Layout), "period", d.Loop.Period.String()}
	}
	for _, o := range rows {
		in, ok := d.from[o.id()]
		if !ok {
			continue
		}
		switch o.id() {
		case "repo", "ref", "root", "link", "worktree-layout", "period":
			continue
		}
		if d.Name == "" || o.scope == perSync {
			fields = append(fields, in.name, d.show(o, in)) // without its place in a file
		}
	}
	return fields
}

// show is the value for the log; REDACTED where it is or may hold a secret.
func (d *draft) show(o option, in given) string {
	if o.secret || strings.HasPrefix(o.id(), "git-config") || o.id() == "username" && d.userIsToken() {
		return secret.Redacted
	}
	return strings.Join(in.values, ",")
}

// written is the value with its name, or the name alone where the value may be or hold a secret.
func (g given) written(o option) string {
	if o.secret || slices.Contains([]string{"repo", "username", "git-config"}, o.id()) {
		return g.label
	}
	return g.label + "=" + g.value()
}

// withoutPassword is a URL without the password that it may hold.
func withoutPassword(s string) string {
	if u := parsedURL(s); u.User != nil {
		u.User = url.User(u.User.Username())
		return u.String()
	}
	return s
}
