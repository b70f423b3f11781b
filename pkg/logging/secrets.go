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
	// keptSecrets bounds the secrets that a sync learns while it runs.
	keptSecrets = 256
	// shortSecret is the length below which a secret is only found as a word by itself.
	shortSecret = 4
	// shortForm is the length below which a derived form is too likely to be found by chance.
	shortForm = 8
)

// secrets is the set of strings that must not get out.
type secrets struct {
	mu    sync.RWMutex
	forms map[string][]string // of each secret
	fixed []string
	added map[string][]string // by sync: the newest that it learned, oldest first
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
	s.fixed = s.join(s.fixed, list)
}

// add adds secrets that a sync learned. It forgets the oldest ones of that sync, never those of another.
func (s *secrets) add(name string, list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := s.join(s.added[name], list)
	old := added[:max(0, len(added)-keptSecrets)]
	s.added[name] = slices.Clone(added[len(old):])
	for _, o := range old {
		holds := func(list []string) bool { return slices.Contains(list, o) }
		if !holds(s.fixed) && !slices.ContainsFunc(slices.Collect(maps.Values(s.added)), holds) {
			delete(s.forms, o)
		}
	}
}

// join appends to known what is new in list.
func (s *secrets) join(known, list []string) []string {
	for _, a := range list {
		if strings.TrimSpace(a) == "" || slices.Contains(known, a) {
			continue
		}
		known = append(known, a)
		if s.forms[a] == nil {
			s.forms[a] = forms(a)
		}
	}
	return known
}

// span is a stretch of bytes to be replaced.
type span struct{ from, to int }

// scrub replaces every secret in text. Where secrets overlap, all that any of them covers goes.
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

// appendMatches adds where form stands in text.
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

// alone says whether neither a letter nor a digit touches the stretch.
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

// forms lists how a secret may appear in text, itself first.
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
	slices.Sort(out[1:])
	first := out[0]
	rest := slices.DeleteFunc(slices.Compact(out[1:]), func(s string) bool { return s == first || s == "" })
	return append([]string{first}, rest...)
}

// base64Forms gives what is constant in the base64 of any text that contains s: at each of the three alignments, without the
// characters that depend on its neighbours. So "user:password" is found by the password alone.
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

// quoted is s inside Go's double quotes, jsonQuoted inside those of encoding/json, which escapes more.
func quoted(s string) string { q := strconv.Quote(s); return q[1 : len(q)-1] }

func jsonQuoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(b[1 : len(b)-1])
}
