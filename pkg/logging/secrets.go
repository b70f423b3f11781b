package logging

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	redacted = "REDACTED"
	// keptSecrets limits the number of secrets of a sync that are added while it runs.
	keptSecrets = 256
	// shortSecret is the length in bytes below which a secret is found only as a separate word.
	shortSecret = 4
	// shortForm is the length in bytes below which a derived form is too likely to be found by chance.
	shortForm = 8
)

// secrets is the set of strings that must not be shown.
type secrets struct {
	mu    sync.RWMutex
	forms map[string][]string // of each secret
	fixed []string
	added map[string][]string // by sync: the newest ones, oldest first
}

func newSecrets(fixed []string) *secrets {
	s := &secrets{forms: map[string][]string{}, added: map[string][]string{}}
	s.keep(fixed)
	return s
}

// keep adds secrets that are never forgotten.
func (s *secrets) keep(list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range list {
		s.fixed = s.join(s.fixed, secret)
	}
}

// add adds a secret of a sync. It forgets the oldest one of that sync, never one of another.
func (s *secrets) add(name, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := s.join(s.added[name], secret)
	if len(added) <= keptSecrets {
		s.added[name] = added
		return
	}
	oldest := added[0]
	s.added[name] = slices.Clone(added[1:])
	holds := func(list []string) bool { return slices.Contains(list, oldest) }
	if !holds(s.fixed) && !slices.ContainsFunc(slices.Collect(maps.Values(s.added)), holds) {
		delete(s.forms, oldest)
	}
}

// join appends a new secret to known.
func (s *secrets) join(known []string, secret string) []string {
	if strings.TrimSpace(secret) == "" || slices.Contains(known, secret) {
		return known
	}
	if s.forms[secret] == nil {
		s.forms[secret] = forms(secret)
	}
	return append(known, secret)
}

// span is a range of bytes to replace.
type span struct{ from, to int }

// scrub replaces every secret in text. Overlapping secrets are replaced as one.
func (s *secrets) scrub(text string) string {
	if text == "" {
		return text
	}
	found := userinfos(text)
	s.mu.RLock()
	for _, forms := range s.forms {
		for _, f := range forms {
			found = appendMatches(found, text, f)
		}
	}
	s.mu.RUnlock()
	return replaceSpans(text, found)
}

// appendMatches appends the spans of form in text.
func appendMatches(found []span, text, form string) []span {
	for at := 0; ; {
		i := strings.Index(text[at:], form)
		if i < 0 {
			return found
		}
		from, to := at+i, at+i+len(form)
		if len(form) >= shortSecret || alone(text, from, to) {
			found = append(found, span{from, to})
		}
		at = from + 1
	}
}

// alone reports whether there is neither a letter nor a digit next to the range.
func alone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	return (from == 0 || !word(before)) && (to == len(text) || !word(after))
}

func replaceSpans(text string, found []span) string {
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	end := 0
	for i, f := range found {
		if i == 0 || f.from > end {
			b.WriteString(text[end:f.from])
			b.WriteString(redacted)
		}
		end = max(end, f.to)
	}
	b.WriteString(text[end:])
	return b.String()
}

// forms returns the forms in which a secret may appear in text.
func forms(secret string) []string {
	parts := []string{secret}
	if t := strings.TrimSpace(secret); t != secret {
		parts = append(parts, t)
	}
	for line := range strings.Lines(secret) {
		line = strings.TrimSpace(line)
		if len(line) >= shortForm && !strings.HasPrefix(line, "-----") {
			parts = append(parts, line)
		}
	}
	out := slices.Clone(parts)
	for _, p := range parts {
		out = append(out, url.QueryEscape(p), url.PathEscape(p), url.UserPassword("", p).String()[1:], strings.ToLower(url.QueryEscape(p)))
		for _, d := range append(base64Forms(p), hex.EncodeToString([]byte(p))) {
			if len(d) >= shortForm {
				out = append(out, d, url.QueryEscape(d))
			}
		}
	}
	for _, o := range slices.Clone(out) {
		out = append(out, quoted(o), quoted(quoted(o)), jsonQuoted(o))
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return s == "" })
}

// base64Forms returns what is constant in the base64 of every text that contains s: at each of the three alignments,
// without the characters that depend on the text before and after. So "user:password" is found by the password alone.
func base64Forms(s string) []string {
	var out []string
	for shift := range 3 {
		padded := strings.Repeat("\x00", shift) + s
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			e := enc.EncodeToString([]byte(padded))
			from := []int{0, 2, 3}[shift]
			to := len(padded) * 8 / 6
			if from < to {
				out = append(out, e[from:to])
			}
		}
	}
	return out
}

// quoted returns s as inside Go's double quotes, jsonQuoted as inside those of encoding/json, which escapes more.
func quoted(s string) string { q := strconv.Quote(s); return q[1 : len(q)-1] }

func jsonQuoted(s string) string {
	b, _ := json.Marshal(s) // cannot fail for a string
	return string(b[1 : len(b)-1])
}
