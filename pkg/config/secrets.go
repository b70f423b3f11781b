package config

import (
	"net/url"
	"regexp"
	"strings"

	"git-sync/pkg/git"
)

const (
	// shortestSecret is the length in bytes from which a value in a query is treated as a secret: if every "1" were
	// hidden, the log would be unreadable.
	shortestSecret = 6
	// longPathPart is the length in bytes from which a part of a path is treated as a token.
	longPathPart = 16
)

// hideSecrets collects what must not be shown. The log also finds other forms of it, such as base64.
func (d *draft) hideSecrets() {
	a := &d.Auth
	d.hide(a.Password.Reveal(), a.GitHub.PrivateKey.Reveal(), d.Sync.Receiver.Secret.Reveal())
	if d.userIsToken() {
		d.hide(a.Username)
	}
	for _, c := range a.Credentials {
		d.hide(c.Password.Reveal())
	}
	d.hideURL(a.AskpassURL.Reveal())
	d.hideURL(d.Webhook.URL.Reveal())
	for _, kv := range d.Config {
		d.hideSetting(kv)
	}
	// A proxy's password is in the environment, for git and for us.
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy"} {
		d.hideUser(d.env[name])
		d.hideUser(d.env[strings.ToUpper(name)])
	}
}

// userIsToken reports whether the user name is a secret: https://TOKEN@host/, or a token with the fixed password that
// GitHub documents.
func (d *draft) userIsToken() bool {
	a := &d.Auth
	alone := a.Password == "" && a.PasswordFile == "" && len(a.Username) >= longPathPart
	return alone || a.Password == "x-oauth-basic"
}

// hideURL hides the password of a URL, its query and the values in it, and each part of the path that looks like a
// token, because some services put one there.
func (f *findings) hideURL(s string) {
	u, err := url.Parse(s)
	if err != nil {
		f.hide(s)
		return
	}
	f.hideUser(s)
	if u.RawQuery != "" {
		f.hide(s, u.RawQuery)
	}
	for _, values := range u.Query() {
		for _, v := range values {
			if len(v) >= shortestSecret {
				f.hide(v)
			}
		}
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if len(part) >= longPathPart && strings.ContainsAny(part, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			f.hide(part)
		}
	}
}

// hideUser hides the password of a URL, encoded and decoded. The URL may have no scheme, and may be malformed.
func (f *findings) hideUser(s string) {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	host, _, _ := strings.Cut(s, "/")
	_, password, _ := strings.Cut(host[:max(0, strings.LastIndex(host, "@"))], ":")
	f.hide(password)
	if meant, err := url.PathUnescape(password); err == nil {
		f.hide(meant)
	}
}

// hideSetting hides secrets in a git setting: a header with a token, a password, a URL with a password.
func (f *findings) hideSetting(kv git.KV) {
	if regexp.MustCompile(`(?i)(header|passw|token|secret|cookie)`).MatchString(kv.Key) && kv.Value != "" {
		f.hide(kv.Value)
		if words := strings.Fields(kv.Value); len(words) > 1 && len(words[len(words)-1]) >= shortestSecret {
			f.hide(words[len(words)-1])
		}
	}
	for _, text := range []string{kv.Key, kv.Value} {
		for _, found := range regexp.MustCompile(`[a-z][a-z0-9+-]*://[^/\s]*@`).FindAllString(text, -1) {
			f.hideUser(found)
		}
	}
}
