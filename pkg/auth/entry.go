package auth

import (
	"fmt"
	"net/url"
	"strings"
)

// entry is one user and password, and the URLs that it is for. Refresh passes it as JSON in git's environment to our
// own executable, which git runs as its credential helper.
type entry struct {
	// Base is scheme://host[:port], in lower case and without the default port of the scheme.
	Base string `json:"base"`
	// Path limits the entry to URLs at or below it: no slash at either end, no ".git". Empty: the whole host.
	Path string `json:"path,omitempty"`
	User string `json:"user,omitempty"`
	Pass string `json:"pass,omitempty"`
	// AnyUser says that the password is valid with every user name in the URL, like a token.
	AnyUser bool `json:"anyUser,omitempty"`

	source string // where it came from, for messages
}

// String names the user and the source of the password.
func (e entry) String() string {
	switch {
	case e.AnyUser:
		return e.source
	case e.Pass == "":
		return "the user of " + e.source + " without a password" // it may be a token
	}
	return fmt.Sprintf("user %q with the password of %s", e.User, e.source)
}

// scope is the URL prefix that a credential is for, or that needs one. The user is "" if any will do.
type scope struct{ base, path, user string }

// newScope normalizes scheme, host and path, so that different spellings of a URL are equal.
func newScope(scheme, host, path, user string) scope {
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return scope{base: scheme + "://" + strings.TrimSuffix(host, ":"), path: canonicalPath(path), user: user}
}

// scopeOf returns the scope of an http(s) URL, for any user; ok is false for any other kind of URL.
func scopeOf(raw string) (s scope, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return scope{}, false
	}
	return newScope(u.Scheme, u.Host, u.Path, ""), true
}

// canonicalPath removes what is optional in the path of a repository.
func canonicalPath(p string) string {
	return strings.TrimSuffix(strings.Trim(p, "/"), ".git")
}

// below reports whether path is dir or is below it, at a component boundary.
func below(dir, path string) bool {
	if dir == "" || dir == path {
		return true
	}
	return strings.HasPrefix(path, dir+"/") || strings.HasPrefix(path, dir+".git/")
}

// find returns the most specific entry for what is wanted; of several, the first one.
func find(entries []entry, wanted scope) (entry, bool) {
	best, found := entry{}, false
	for _, e := range entries {
		if e.Base != wanted.base || !below(e.Path, wanted.path) {
			continue
		}
		if wanted.user != "" && wanted.user != e.User && !e.AnyUser {
			continue
		}
		if !found || len(e.Path) > len(best.Path) {
			best, found = e, true
		}
	}
	return best, found
}
