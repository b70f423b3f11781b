package git

import "regexp"

// userInfo matches the user information of a URL: everything between "://" and the last "@" before the next slash,
// blank or quote.
var userInfo = regexp.MustCompile("://[^/ \t\r\n'\"<>]*@")

// scrub hides the user information of every URL in s.
func scrub(s string) string { return userInfo.ReplaceAllString(s, "://REDACTED@") }

// scrubAll scrubs each of args.
func scrubAll(args []string) []string {
	clean := make([]string, len(args))
	for i, a := range args {
		clean[i] = scrub(a)
	}
	return clean
}
