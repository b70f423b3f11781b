package config

import (
	"net/url"
	"slices"
	"strings"

	"git-sync/pkg/secret"
)

// makeFields is what the startup log shows: what is synced and where, then each option that was given, by the name it
// was given, without its dashes. A secret shows as REDACTED; so does all of a URL that may hold one but for its host.
func (d *draft) makeFields(rows []option) []any {
	var fields []any
	if d.Repo != "" {
		fields = []any{"repo", showURL(d.Repo), "ref", d.Ref, "root", d.Root, "link", d.Link, "layout", string(d.Layout), "period", d.Period.String()}
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

func (d *draft) show(o option, in given) string {
	switch id := o.id(); {
	case id == "git-config", id == "git-config-add":
		keys := make([]string, len(d.GitConfig))
		for i, kv := range d.GitConfig {
			keys[i] = showURL(kv.Key)
		}
		return strings.Join(keys, ",")
	case id == "webhook-url", id == "askpass-url":
		return hostOnly(in.value())
	case o.secret, id == "username" && d.userIsToken():
		return secret.Redacted
	case o.kind == manyValues:
		return strings.Join(in.values, ",")
	}
	return in.value()
}

// written is the value with its name, or the name alone where the value may be or hold a secret.
func (g given) written(o option) string {
	if o.secret || slices.Contains([]string{"repo", "username", "git-config"}, o.id()) {
		return g.label
	}
	return g.label + "=" + g.value()
}

// showURL is s without the password that it may hold.
func showURL(s string) string {
	before, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	host, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(host, '@')
	if at < 0 {
		return s
	}
	user, _, hasPassword := strings.Cut(host[:at], ":")
	if hasPassword {
		user += ":" + secret.Redacted
	}
	return before + "://" + user + rest[at:]
}

// hostOnly is where a URL leads, without anything that could be a secret.
func hostOnly(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return secret.Redacted
	}
	shown := u.Scheme + "://" + u.Host
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		shown += "/" + secret.Redacted
	}
	return shown
}
