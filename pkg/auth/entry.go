package auth

import (
	"net/url"
	"strings"
)

// entry is one user and password, and the URLs it may be given to. It travels as JSON from Refresh
// to our own executable run by git as GIT_ASKPASS, in git's environment.
type entry struct {
	// Base is scheme://host[:port], in lower case and without the scheme's default port.
	Base string `json:"base"`
	// Path limits the entry to URLs at or below it: no slash at either end, no ".git". Empty: the whole host.
	Path string `json:"path,omitempty"`
	User string `json:"user,omitempty"`
	Pass string `json:"pass,omitempty"`
	// AnyUser: the password is good whatever user name the URL carries, as a token is.
	AnyUser bool `json:"anyUser,omitempty"`
}

// scope is the part of the web that a credential is for.
type scope struct{ base, path string }

// scopeOf gives the base and path of an http(s) URL; ok is false for any other kind of URL. The
// user in it plays no part.
func scopeOf(raw string) (s scope, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return scope{}, false
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "http" && scheme != "https" {
		return scope{}, false
	}
	return scope{base: scheme + "://" + canonicalHost(scheme, u.Host), path: canonicalPath(u.Path)}, true
}

// canonicalHost writes host[:port] the one way that two spellings of a host compare equal in.
func canonicalHost(scheme, host string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":")
}

// canonicalPath strips what does not tell two repositories apart.
func canonicalPath(p string) string {
	return strings.TrimSuffix(strings.Trim(p, "/"), ".git")
}

// below reports whether path is dir or lies below it, at a component's boundary.
func below(dir, path string) bool {
	if dir == "" || dir == path {
		return true
	}
	return strings.HasPrefix(path, dir+"/") || strings.HasPrefix(path, dir+".git/")
}

// find gives the entry that answers a prompt: the most specific one, and among equals the first.
func find(entries []entry, p prompt) (entry, bool) {
	best, found := entry{}, false
	for _, e := range entries {
		path, ok := e.admits(p)
		if !ok || !below(e.Path, path) {
			continue
		}
		if !found || len(e.Path) > len(best.Path) {
			best, found = e, true
		}
	}
	return best, found
}

// admits reports whether the prompt is for this entry's host and user, and the path git named.
//
// The prompt is compared with what git would print for this entry rather than taken apart: a user
// name that git prints raw, as versions before 2.45.3 do, may hold slashes and at-signs, and a
// prompt taken apart at the wrong one would hand the secret of one host to another.
func (e entry) admits(p prompt) (path string, ok bool) {
	scheme, host, _ := strings.Cut(e.Base, "://")
	rest, ok := strings.CutPrefix(p.target, scheme+"://")
	if !ok {
		return "", false
	}
	if p.wantsPassword {
		if rest, ok = e.cutUser(rest); !ok {
			return "", false
		}
	}
	authority, path, _ := strings.Cut(rest, "/")
	if canonicalHost(scheme, authority) != host {
		return "", false
	}
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	return canonicalPath(path), true
}

// cutUser removes "user@" from what follows the scheme in a prompt for a password. Where another
// "@" follows, it may belong to the user name, as in "good.host/@".
func (e entry) cutUser(rest string) (string, bool) {
	if e.AnyUser {
		return cutAnyUser(rest)
	}
	for _, spelling := range []string{e.User, percentEncode(e.User)} {
		if after, ok := strings.CutPrefix(rest, spelling+"@"); ok && !strings.Contains(after, "@") {
			return after, true
		}
	}
	return "", false
}

// cutAnyUser removes a user name that needs no guessing where it ends: the only "@" of the text
// comes before its first "/".
func cutAnyUser(rest string) (string, bool) {
	user, after, ok := strings.Cut(rest, "@")
	if !ok || strings.Contains(user, "/") || strings.Contains(after, "@") {
		return "", false
	}
	return after, true
}

// percentEncode writes a user name as git from 2.45.3 on prints it: all but unreserved characters
// as %XX.
func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if isUnreserved(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// isUnreserved follows RFC 3986, section 2.3.
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
