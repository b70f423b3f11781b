package logging

import "strings"

// Redact returns a URL fit to be shown: without user and password (the user of an ssh URL stays, it is no secret), and
// with the values of its query replaced. What is not a URL, such as git@host:path, comes back as it is.
func Redact(rawURL string) string {
	s := replaceSpans(rawURL, userinfos(rawURL))
	base, query, ok := strings.Cut(s, "?")
	if !ok || !strings.Contains(base, "://") {
		return s
	}
	query, fragment, hasFragment := strings.Cut(query, "#")
	params := strings.Split(query, "&")
	for i, p := range params {
		if k, _, ok := strings.Cut(p, "="); ok {
			params[i] = k + "=" + redacted
		} else if p != "" {
			params[i] = redacted
		}
	}
	s = base + "?" + strings.Join(params, "&")
	if hasFragment {
		s += "#" + fragment
	}
	return s
}

// userinfos finds the user information of every URL in a text: all of it for schemes where a user alone can be a token,
// the password for ssh and the like.
func userinfos(text string) []span {
	var found []span
	for at := 0; ; {
		i := strings.Index(text[at:], "://")
		if i < 0 {
			return found
		}
		scheme := schemeBefore(text[:at+i])
		from := at + i + len("://")
		authority := text[from:]
		if end := strings.IndexAny(authority, "/?#\\ \t\r\n\"'<>`"); end >= 0 {
			authority = authority[:end]
		}
		if info := strings.LastIndexByte(authority, '@'); info > 0 {
			user := 0
			if scheme == "ssh" || scheme == "git" || strings.HasSuffix(scheme, "+ssh") {
				user = strings.IndexByte(authority[:info], ':') + 1
			}
			if user > 0 || !strings.HasSuffix(scheme, "ssh") && scheme != "git" {
				found = append(found, span{from + user, from + info})
			}
		}
		at = from
	}
}

// schemeBefore is the scheme that ends a text, lower-case.
func schemeBefore(text string) string {
	i := len(text)
	for i > 0 && isSchemeByte(text[i-1]) {
		i--
	}
	return strings.ToLower(text[i:])
}

func isSchemeByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '.' || c == '-'
}
