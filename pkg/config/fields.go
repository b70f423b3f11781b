package config

import (
	"slices"
	"strings"

	"git-sync/pkg/secret"
)

// makeFields returns the fields of the startup log: what is synced and where, then each option that was given, with
// the name that was used, without dashes.
func (d *draft) makeFields(rows []option) []any {
	var fields []any
	if d.URL != "" {
		fields = []any{"repo", d.URL, "ref", d.Ref, "root", d.Root, "link", d.Link, "period", d.Loop.Period.String()}
		if u := parsedURL(d.URL); u.User != nil {
			fields[1] = u.Redacted()
		}
	}
	always := []string{"repo", "ref", "root", "link", "period"}
	for _, o := range rows {
		in, ok := d.from[o.id()]
		if ok && !slices.Contains(always, o.id()) && (d.Name == "" || o.scope == perSync) {
			fields = append(fields, in.name, d.show(o, in)) // without its position in a file
		}
	}
	return fields
}

// show returns the value for the log; REDACTED if it is or may contain a secret.
func (d *draft) show(o option, in given) string {
	if o.secret || o.id() == "username" && d.userIsToken() {
		return secret.Redacted
	}
	return strings.Join(in.values, ",")
}

// written returns the name and the value, or only the name if the value may be or contain a secret.
func (g given) written(o option) string {
	if o.secret || o.id() == "repo" || o.id() == "username" {
		return g.label
	}
	return g.label + "=" + g.value()
}
