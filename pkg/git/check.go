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

// advised are the transports to name in a message.
const advised = "https, http, ssh, git, file"

// schemes are the transports that a URL may name.
func schemes() []string { return []string{"https", "http", "ssh", "git", "file", "git+ssh", "ssh+git"} }

// CheckURL reports why repo is not a repository's address that git may be given.
//
// Good are URLs of the schemes https, http, ssh (also git+ssh and ssh+git), git and file, the short form
// host:path of ssh, and paths on this machine. Transports that run a program of
// the URL's choice (ext::sh -c ...), and whatever git or ssh would take for an
// option, are refused. The error never repeats a password.
func CheckURL(repo string) error {
	switch {
	case repo == "":
		return errors.New("the repository's URL is empty")
	case strings.ContainsAny(repo[:1], "\"'"):
		return fmt.Errorf("repository %q is in quotes, which are part of the value; leave them out", scrub(repo))
	case strings.HasPrefix(repo, "-"):
		return fmt.Errorf("repository %q begins with a dash, and would be taken for an option", scrub(repo))
	case !utf8.ValidString(repo), strings.ContainsFunc(repo, unicode.IsControl):
		return fmt.Errorf("repository %q holds control characters", scrub(repo))
	}
	if scheme, _, ok := strings.Cut(repo, "::"); ok && isScheme(scheme) {
		return fmt.Errorf("repository %q uses the transport %q, which is not allowed; use one of %s",
			scrub(repo), scheme+"::", advised)
	}
	if scheme, rest, ok := strings.Cut(repo, "://"); ok && isScheme(scheme) {
		return checkSchemed(repo, scheme, rest)
	}
	return checkShort(repo)
}

// checkSchemed checks scheme://rest.
func checkSchemed(repo, scheme, rest string) error {
	if !slices.Contains(schemes(), scheme) {
		return fmt.Errorf("repository %q has the scheme %q; use one of %s",
			scrub(repo), scheme, advised)
	}
	if scheme == "file" {
		if !strings.HasPrefix(rest, "/") {
			return fmt.Errorf("repository %q: a file URL needs an absolute path, file:///path", scrub(repo))
		}
		return nil
	}
	u, err := url.Parse(repo)
	if err != nil {
		// Its text holds the URL, and with it perhaps a password.
		text := fmt.Sprintf("repository %q is not a well-formed URL", scrub(repo))
		if colon := strings.LastIndex(rest, ":"); colon > strings.LastIndex(rest, "@") && !strings.ContainsAny(rest[:max(colon, 0)], "/]") {
			text += ", for what follows the colon is a port; write a slash in its place: " + scrub(scheme+"://"+rest[:colon]+"/"+rest[colon+1:])
		}
		return errors.New(text)
	}
	switch {
	case u.Hostname() == "":
		return fmt.Errorf("repository %q names no host", scrub(repo))
	case strings.HasPrefix(u.Hostname(), "-"), strings.HasPrefix(u.User.Username(), "-"):
		return fmt.Errorf("repository %q has a user or host that begins with a dash", scrub(repo))
	case strings.ContainsAny(rest, " \t"):
		return fmt.Errorf("repository %q holds a blank; write it as %%20", scrub(repo))
	}
	return nil
}

// checkShort checks [user@]host:path and local paths.
func checkShort(repo string) error {
	colon := strings.Index(repo, ":")
	if strings.HasPrefix(repo, "[") || strings.Contains(repo, "@[") {
		if i := strings.Index(repo, "]:"); i >= 0 {
			colon = i + 1
		}
	}
	if slash := strings.Index(repo, "/"); colon < 0 || slash >= 0 && slash < colon {
		return nil // a path
	}
	host, path := repo[:colon], repo[colon+1:]
	if at := strings.LastIndex(host, "@"); at >= 0 {
		host = host[at+1:]
	}
	switch {
	case slices.Contains(schemes(), host):
		return fmt.Errorf("repository %q: a URL begins with %s://; write %s", scrub(repo), host, scrub(host+"://"+strings.TrimLeft(path, "/")))
	case host == "" || path == "":
		return fmt.Errorf("repository %q should be host:path, or a URL", scrub(repo))
	case strings.HasPrefix(host, "-"), strings.HasPrefix(path, "-"):
		return fmt.Errorf("repository %q has a host or path that begins with a dash", scrub(repo))
	case strings.ContainsAny(host, " \t"):
		return fmt.Errorf("repository %q holds a blank in its host", scrub(repo))
	}
	return nil
}

// isScheme reports whether s may name a transport.
func isScheme(s string) bool {
	for _, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (r < '0' || r > '9') && r != '+' && r != '-' && r != '.' {
			return false
		}
	}
	return s != ""
}

// IsHash reports whether s is the full name of an object: 40 hex digits for
// SHA-1, 64 for SHA-256.
func IsHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
