package config

import (
	"regexp"
	"strings"

	"git-sync/pkg/git"
)

// The grammar of --git-config:
//
//	list    = [ pair { "," pair } ]
//	pair    = text ":" text          blanks around a pair are skipped
//	text    = quoted | unquoted
//	quoted  = '"' { any but '"' and '\' | escape } '"'
//	unquoted: as quoted, without quotes; a key ends at the first ":", a value at the first ","
//	escape  = '\n' | '\t' | '\"' | '\,' | '\\'
//
// Errors name the key, never the value: it may be an Authorization header.

// parseGitConfig parses a whole list.
func parseGitConfig(s string) ([]git.KV, error) {
	var list []git.KV
	for s = trimBlanks(s); s != ""; {
		kv, rest, err := cutPair(s, ",")
		if err != nil {
			return nil, err
		}
		list = append(list, kv)
		after, ok := strings.CutPrefix(trimBlanks(rest), ",")
		if !ok && after != "" {
			return nil, wrong("after the value of "+quoted(kv.Key)+" a comma is missing", "a quoted value ends at its closing quote")
		}
		s = trimBlanks(after)
	}
	return list, nil
}

// parseGitSetting parses one pair.
func parseGitSetting(s string) (git.KV, error) {
	kv, rest, err := cutPair(trimBlanks(s), "")
	if err == nil && trimBlanks(rest) != "" {
		err = wrong("unexpected text after the value of "+quoted(kv.Key), "a quoted value ends at its closing quote")
	}
	return kv, err
}

func trimBlanks(s string) string { return strings.TrimLeft(s, " \t\n") }

// cutPair parses a pair at the beginning of s. stop ends an unquoted value; "" means that nothing does.
func cutPair(s, stop string) (kv git.KV, rest string, err error) {
	const hint = `close each quote; the escapes are \n, \t, \", \, and \\`
	key, rest, ok := cutText(s, ":")
	bare := !strings.HasPrefix(s, `"`)
	switch {
	case !ok:
		return kv, "", wrong("a key with an open quote, an unknown escape or a NUL byte", hint)
	case !strings.HasPrefix(rest, ":") || bare && strings.Contains(key, ","):
		return kv, "", wrong("a key without a value", "write key:value; a comma inside a value is written as \\,")
	}
	if err := checkConfigKey(key); err != nil {
		return kv, "", err
	}
	rest = rest[1:]
	if bare && strings.HasPrefix(rest, "//") && regexp.MustCompile(`\.(https?|ssh|git|file)$`).MatchString(key) {
		return kv, "", wrong("the key has a URL in it, which ends at its colon", `put the key into double quotes: "http.https://example.com/.proxy":value`)
	}
	value, rest, ok := cutText(rest, stop)
	if !ok {
		return kv, "", wrong("the value of "+quoted(key)+" has an open quote, an unknown escape or a NUL byte", hint)
	}
	return git.KV{Key: key, Value: value}, rest, nil
}

// cutText parses a text at the beginning of s, and replaces its escapes. The text is in quotes, or ends before stop.
func cutText(s, stop string) (text, rest string, ok bool) {
	open, end := "", stop
	if strings.HasPrefix(s, `"`) {
		open, end = `"`, `"`
	}
	text = regexp.MustCompile(`^` + open + `(\\[nt",\\]|[^\\\x00` + end + `])*` + open).FindString(s)
	rest = s[len(text):]
	ok = open != "" && text != "" || open == "" && (rest == "" || strings.HasPrefix(rest, stop) && stop != "")
	unescape := strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\"`, `"`, `\,`, ",", `\\`, `\`)
	return unescape.Replace(strings.TrimSuffix(strings.TrimPrefix(text, open), open)), rest, ok
}

// checkConfigKey returns an error if git would not accept a key: section.name or section.subsection.name.
func checkConfigKey(key string) error {
	if regexp.MustCompile(`^[A-Za-z0-9-]+\.([^\n\x00]*\.)?[A-Za-z][A-Za-z0-9-]*$`).MatchString(key) {
		return nil
	}
	if strings.Contains(key, ".") {
		return wrong(quoted(key)+" is not the name of a git setting", "a key with a colon in it, a URL say, goes into double quotes")
	}
	return wrong(quoted(key)+" is not the name of a git setting", "names have a section, as in http.postBuffer")
}
