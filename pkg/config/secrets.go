package config

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"git-sync/pkg/git"
)

// gatherSecrets collects what must not be shown. The log finds other forms of it, such as base64, by itself.
func (d *draft) gatherSecrets() {
	a := &d.Auth
	d.hide(a.Password.Reveal())
	if d.userIsToken() {
		d.hide(a.Username)
	}
	_, password, _ := userinfo(d.fromURL)
	d.hide(password)
	for _, c := range a.Credentials {
		d.hide(c.Password.Reveal())
	}
	d.hideURL(a.AskpassURL.Reveal())
	d.hideURL(d.Webhook.URL.Reveal())
	d.hide(d.Sync.Receiver.Secret.Reveal())
	d.hide(a.GitHub.PrivateKey.Reveal())
	for _, kv := range d.Config {
		d.hideSetting(kv)
	}
	// A proxy's password stands in the environment, for git and for us; the user may have put ours into other
	// variables as well, but those are not for us to read.
	for _, name := range slices.Sorted(maps.Keys(d.env)) {
		switch strings.ToLower(name) {
		case "http_proxy", "https_proxy", "all_proxy":
			d.hideProxy(d.env[name])
		}
	}
}

// userIsToken says whether the user's name is a secret: https://TOKEN@host/, or a token with the word that GitHub says
// to give as its password.
func (d *draft) userIsToken() bool {
	a := &d.Auth
	alone := a.Password == "" && a.PasswordFile == "" && len(a.Username) >= longPathPart
	return alone || a.Password == "x-oauth-basic"
}

// hideURL hides the password of a URL, its query and the values in it, and, since some services put a token there, a
// part of the path that looks like one.
func (d *draft) hideURL(s string) {
	u, err := url.Parse(s)
	if err != nil || s == "" {
		d.hide(s)
		return
	}
	_, password, _ := userinfo(u.User)
	d.hide(password)
	if u.RawQuery != "" {
		d.hide(s, u.RawQuery)
	}
	query := u.Query()
	for _, key := range slices.Sorted(maps.Keys(query)) {
		for _, v := range query[key] {
			if len(v) >= shortestSecret {
				d.hide(v)
			}
		}
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if len(part) >= longPathPart && strings.ContainsAny(part, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			d.hide(part)
		}
	}
}

// hideProxy hides the password of a proxy, which may be written without a scheme.
func (d *draft) hideProxy(s string) {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	if u, err := url.Parse(s); err == nil {
		_, password, _ := userinfo(u.User)
		d.hide(password)
	} else if user, _, ok := strings.Cut(authority(s), "@"); ok {
		_, password, _ := strings.Cut(user, ":")
		d.hide(password)
	}
}

const (
	// shortestSecret is the length below which a value in a query is taken for a setting rather than a secret: hiding
	// every "1" would make the log unreadable.
	shortestSecret = 6
	// longPathPart is the length from which a part of a path is taken for a token.
	longPathPart = 16
)

// hideSetting hides what a git setting may hold: a header with a token, a password, a URL with one.
func (d *draft) hideSetting(kv git.KV) {
	if regexp.MustCompile(`(?i)(header|passw|token|secret|cookie)`).MatchString(kv.Key) && kv.Value != "" {
		d.hide(kv.Value)
		if words := strings.Fields(kv.Value); len(words) > 1 && len(words[len(words)-1]) >= shortestSecret {
			d.hide(words[len(words)-1])
		}
	}
	for _, text := range []string{kv.Key, kv.Value} {
		for _, found := range regexp.MustCompile(`[a-z][a-z0-9+-]*://[^/\s]*@`).FindAllString(text, -1) {
			if u, err := url.Parse(found); err == nil {
				_, password, _ := userinfo(u.User)
				d.hide(password)
			}
		}
	}
}
