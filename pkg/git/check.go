package git

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// advised is the list of transports for messages.
const advised = "https, http, ssh, git, file"

// schemes returns the allowed schemes of URLs.
func schemes() []string { return []string{"https", "http", "ssh", "git", "file", "git+ssh", "ssh+git"} }

// CheckURL returns an error if repo is not an address that may be passed to git.
//
// Allowed are URLs with the schemes https, http, ssh (also git+ssh and ssh+git), git and file, the short form
// host:path of ssh, and local paths. It rejects transports that run a program from the URL (ext::sh -c ...), and
// everything that git or ssh would read as an option. The error never contains a password.
func CheckURL(repo string) error {
	if repo == "" {
		return errors.New("the repository's URL is empty")
	}
	if problem := problemOf(repo); problem != "" {
		return fmt.Errorf("repository %q %s", scrub(repo), problem)
	}
	return nil
}

// problemOf says what is wrong with an address; empty if nothing is.
func problemOf(repo string) string {
	switch {
	case strings.ContainsAny(repo[:1], "\"'"):
		return "is in quotes, which are part of the value; leave them out"
	case strings.HasPrefix(repo, "-"):
		return "begins with a dash, and would be taken for an option"
	case !utf8.ValidString(repo), strings.ContainsFunc(repo, unicode.IsControl):
		return "holds control characters"
	}
	if scheme, _, ok := strings.Cut(repo, "::"); ok && isScheme(scheme) {
		return fmt.Sprintf("uses the transport %q, which is not allowed; use one of %s", scheme+"::", advised)
	}
	if scheme, rest, ok := strings.Cut(repo, "://"); ok && isScheme(scheme) {
		return problemOfURL(repo, scheme, rest)
	}
	if IsPath(repo) {
		return ""
	}
	a, ok := ParseSSH(repo)
	switch {
	case slices.Contains(schemes(), a.Host):
		return fmt.Sprintf("lacks a slash after %s:; write %s", a.Host, scrub(a.Host+"://"+strings.TrimLeft(a.Path, "/")))
	case !ok || a.Path == "":
		return "should be host:path, or a URL"
	case strings.HasPrefix(a.Host, "-"), strings.HasPrefix(a.Path, "-"):
		return "has a host or path that begins with a dash"
	case strings.ContainsAny(a.Host, " \t"):
		return "holds a blank in its host"
	}
	return ""
}

// problemOfURL says what is wrong with scheme://rest; empty if nothing is.
func problemOfURL(repo, scheme, rest string) string {
	if !slices.Contains(schemes(), scheme) {
		return fmt.Sprintf("has the scheme %q; use one of %s", scheme, advised)
	}
	if scheme == "file" {
		if !strings.HasPrefix(rest, "/") {
			return "has a relative path; a file URL needs an absolute one, file:///path"
		}
		return ""
	}
	u, err := url.Parse(repo)
	if err != nil {
		// err contains the URL, which may contain a password.
		text := "is not a well-formed URL"
		if colon := strings.LastIndex(rest, ":"); colon > strings.LastIndex(rest, "@") && !strings.ContainsAny(rest[:max(colon, 0)], "/]") {
			text += ", for what follows the colon is a port; write a slash in its place: " + scrub(scheme+"://"+rest[:colon]+"/"+rest[colon+1:])
		}
		return text
	}
	switch {
	case u.Hostname() == "":
		return "names no host"
	case strings.HasPrefix(u.Hostname(), "-"), strings.HasPrefix(u.User.Username(), "-"):
		return "has a user or host that begins with a dash"
	case strings.ContainsAny(rest, " \t"):
		return "holds a blank; write it as %20"
	}
	return ""
}

// IsPath reports whether git reads repo as a local path: there is no colon before the first slash.
func IsPath(repo string) bool {
	before, _, _ := strings.Cut(repo, "/")
	return repo != "" && !strings.Contains(before, ":")
}

// isScheme reports whether s may be the name of a transport.
func isScheme(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

// IsHash reports whether s is a complete object name: 40 hex digits for SHA-1, 64 for SHA-256.
func IsHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
