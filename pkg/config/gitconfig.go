package config

import (
	"fmt"
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
// Errors name the key and the place, never the value: it may be an Authorization header.

// reader reads that grammar. stop is what ends an unquoted value, 0 for nothing.
type reader struct {
	in   string
	at   int
	stop byte
}

// parseGitConfig reads a whole list.
func parseGitConfig(s string) ([]git.KV, error) {
	r := &reader{in: s, stop: ','}
	var list []git.KV
	for r.blanks(); r.at < len(s); r.blanks() {
		kv, err := r.pair()
		if err != nil {
			return nil, err
		}
		list = append(list, kv)
		r.blanks()
		if r.at < len(s) && !r.skip(',') {
			return nil, r.wrong("after the value of "+quoted(kv.Key)+" a comma is missing", "a quoted value ends at its closing quote")
		}
	}
	return list, nil
}

// parseGitSetting reads one pair.
func parseGitSetting(s string) (git.KV, error) {
	r := &reader{in: s}
	r.blanks()
	kv, err := r.pair()
	if err != nil {
		return git.KV{}, err
	}
	r.blanks()
	if r.at < len(s) {
		return git.KV{}, r.wrong("something stands behind the value of "+quoted(kv.Key), "a quoted value ends at its closing quote")
	}
	return kv, nil
}

func (r *reader) pair() (git.KV, error) {
	bare := !strings.HasPrefix(r.in[r.at:], `"`)
	key, err := r.text(':', "the key")
	if err != nil {
		return git.KV{}, err
	}
	if !r.skip(':') || bare && strings.Contains(key, ",") {
		return git.KV{}, r.wrong("a key without a value", "write key:value; a comma inside a value is written as \\,")
	}
	if err := checkConfigKey(key); err != nil {
		return git.KV{}, err
	}
	if bare && strings.HasPrefix(r.in[r.at:], "//") && regexp.MustCompile(`\.(https?|ssh|git|file)$`).MatchString(key) {
		return git.KV{}, r.wrong("the key has a URL in it, which ends at its colon", `put the key into double quotes: "http.https://example.com/.proxy":value`)
	}
	value, err := r.text(r.stop, "the value of "+quoted(key))
	return git.KV{Key: key, Value: value}, err
}

// text reads a quoted or unquoted text; what says which one it is.
func (r *reader) text(stop byte, what string) (string, error) {
	inQuotes := r.skip('"')
	var b strings.Builder
	for r.at < len(r.in) {
		c := r.in[r.at]
		if inQuotes && c == '"' {
			r.at++
			return b.String(), nil
		}
		if !inQuotes && stop != 0 && c == stop {
			break
		}
		r.at++
		switch c {
		case '\\':
			var err error
			if c, err = r.escape(what); err != nil {
				return "", err
			}
		case 0:
			return "", r.wrong("a NUL byte in "+what, "")
		}
		b.WriteByte(c)
	}
	if inQuotes {
		return "", r.wrong("a quote in "+what+" is not closed", "")
	}
	return b.String(), nil
}

func (r *reader) escape(what string) (byte, error) {
	if r.at == len(r.in) {
		return 0, r.wrong("a single \\ at the end of "+what, `write a backslash as \\`)
	}
	c := r.in[r.at]
	r.at++
	switch c {
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case '"', ',', '\\':
		return c, nil
	}
	return 0, r.wrong("an unknown escape in "+what, `there are \n, \t, \", \, and \\`)
}

func (r *reader) blanks() {
	for r.at < len(r.in) && strings.IndexByte(" \t\n", r.in[r.at]) >= 0 {
		r.at++
	}
}

func (r *reader) skip(c byte) bool {
	if r.at < len(r.in) && r.in[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *reader) wrong(text, hint string) error {
	return wrong(fmt.Sprintf("%s (at byte %d)", text, r.at), hint)
}

// checkConfigKey refuses what git would not take for a variable: section.name or section.subsection.name.
func checkConfigKey(key string) error {
	if regexp.MustCompile(`^[A-Za-z0-9-]+\.([^\n\x00]*\.)?[A-Za-z][A-Za-z0-9-]*$`).MatchString(key) {
		return nil
	}
	if strings.Contains(key, ".") {
		return wrong(quoted(key)+" is no name of a git setting", "a key with a colon in it, a URL say, goes into double quotes")
	}
	return wrong(quoted(key)+" is no name of a git setting", "names have a section, as in http.postBuffer")
}
