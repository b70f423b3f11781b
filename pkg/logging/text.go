package logging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// palette is the escape sequences of the text format; the zero value has none.
type palette struct{ dim, red, bold, off string }

// colours is the palette for a terminal.
func colours() palette {
	return palette{dim: "\x1b[2m", red: "\x1b[31m", bold: "\x1b[1m", off: "\x1b[0m"}
}

// textEncoder writes an entry for people:
//
//	15:04:05 info  published hash=8f2a… ref=main
//	15:05:05 error sync failed: asking the remote: the password was refused by git.example.com
//	               hint: check --password-file
//
// A value with several lines, such as the output of a command, follows in lines of its own.
type textEncoder struct {
	clock  string
	colour palette
}

// indent puts what belongs to a line below its message.
const indent = "         "

func (t textEncoder) encode(e entry) []byte {
	var b, below bytes.Buffer
	c := t.colour
	msg := printable(e.msg)
	switch {
	case e.level == warning:
		fmt.Fprintf(&b, "%s%s%s warn  %s%s%s", c.dim, e.time.Format(t.clock), c.off, c.bold, msg, c.off)
	case e.level < 0:
		fmt.Fprintf(&b, "%s%s%s %serror%s %s%s%s", c.dim, e.time.Format(t.clock), c.off, c.red, c.off, c.bold, msg, c.off)
	case e.level > 0:
		fmt.Fprintf(&b, "%s%s v%-4d %s%s", c.dim, e.time.Format(t.clock), e.level, msg, c.off)
	default:
		fmt.Fprintf(&b, "%s%s%s info  %s%s%s", c.dim, e.time.Format(t.clock), c.off, c.bold, msg, c.off)
	}
	if cause := e.cause(); cause != nil {
		fmt.Fprintf(&b, ": %s", printable(cause[0]))
		t.block(&below, "", cause[1:])
	}
	for _, p := range e.pairs {
		s, isText := p.value.(string)
		switch {
		case p.key == "error" && e.level < 0:
		case (p.key == "remote" || p.key == "helper") && e.level < 0: // the error's text has it
		case p.key == "hint" && isText:
			t.block(&below, "hint: ", textLines(s))
		case isText && strings.Contains(strings.TrimSpace(s), "\n"):
			t.block(&below, p.key+": ", textLines(s))
		default:
			fmt.Fprintf(&b, " %s%s=%s%s", c.dim, printable(p.key), c.off, valueText(p.value))
		}
	}
	b.WriteByte('\n')
	b.Write(below.Bytes())
	return b.Bytes()
}

// cause is the text of an error entry's error, by lines, which stands right behind the message.
func (e entry) cause() []string {
	for _, p := range e.pairs {
		if s, ok := p.value.(string); ok && p.key == "error" && e.level < 0 {
			return textLines(s)
		}
	}
	return nil
}

func textLines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }

// block writes lines of their own; the label stands before the first.
func (t textEncoder) block(w *bytes.Buffer, label string, lines []string) {
	for i, l := range lines {
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		fmt.Fprintf(w, "%s%s%s%s%s\n", indent, t.colour.dim, label, t.colour.off, printable(l))
	}
}

// valueText is a value as key=value shows it: bare when it is one plain word, else quoted.
func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		if v == "" || strings.ContainsFunc(v, needsQuotes) {
			return strconv.Quote(v)
		}
		return v
	case []any, map[string]any:
		b, err := json.Marshal(v)
		if err != nil {
			return strconv.Quote(fmt.Sprint(v))
		}
		return printable(string(b))
	default:
		return fmt.Sprint(v)
	}
}

func needsQuotes(r rune) bool {
	return r == '"' || r == '=' || r == '\\' || r == ' ' || steering(r)
}

// printable makes visible what would steer a terminal: a remote's message is only ever text.
func printable(s string) string {
	if !strings.ContainsFunc(s, steering) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteString("    ")
		case steering(r):
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// steering says whether a rune is anything but a visible sign or a space.
func steering(r rune) bool { return !unicode.IsPrint(r) }
