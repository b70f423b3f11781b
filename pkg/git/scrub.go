package git

import "strings"

// scrub hides the user information of every URL in s: all that stands between
// "://" and the last "@" before the next slash, blank or quote.
func scrub(s string) string {
	var b strings.Builder
	for {
		start := strings.Index(s, "://")
		if start < 0 {
			b.WriteString(s)
			return b.String()
		}
		start += len("://")
		end := strings.IndexAny(s[start:], "/ \t\r\n'\"<>")
		if end < 0 {
			end = len(s) - start
		}
		b.WriteString(s[:start])
		authority := s[start : start+end]
		if at := strings.LastIndex(authority, "@"); at >= 0 {
			b.WriteString("REDACTED")
			authority = authority[at:]
		}
		b.WriteString(authority)
		s = s[start+end:]
	}
}

// scrubAll scrubs each of args.
func scrubAll(args []string) []string {
	clean := make([]string, len(args))
	for i, a := range args {
		clean[i] = scrub(a)
	}
	return clean
}
