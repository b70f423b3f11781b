package logging

import (
	"regexp"
	"strings"
)

// Redact returns a URL that can be shown: without user and password, and with the values of its query replaced. The
// user of an ssh URL is kept, because it is not secret. If rawURL is not a URL, such as git@host:path, it is returned
// unchanged.
func Redact(rawURL string) string {
	base, query, ok := strings.Cut(replaceSpans(rawURL, userinfos(rawURL)), "?")
	if !ok {
		return base
	}
	if strings.Contains(base, "://") {
		query = regexp.MustCompile(`(^|&)(?:([^&=#]*=)[^&#]*|[^&=#]+)`).ReplaceAllString(query, "${1}${2}"+redacted)
	}
	return base + "?" + query
}

// userinfos finds the user information of every URL in a text: all of it if a user alone may be a token, but only the
// password for ssh and similar schemes.
func userinfos(text string) []span {
	if !strings.Contains(text, "://") {
		return nil
	}
	var found []span
	for _, m := range regexp.MustCompile("([a-zA-Z0-9+.-]*)://([^/?#\\\\ \\t\\r\\n\"'<>`]+)@").FindAllStringSubmatchIndex(text, -1) {
		scheme, info := strings.ToLower(text[m[2]:m[3]]), span{m[4], m[5]}
		if scheme == "git" || strings.HasSuffix(scheme, "ssh") {
			user, _, hasPassword := strings.Cut(text[info.from:info.to], ":")
			if !hasPassword {
				continue
			}
			info.from += len(user) + 1
		}
		found = append(found, info)
	}
	return found
}
