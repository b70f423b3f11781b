package logging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"go.uber.org/zap/zapcore"
)

// palette has the escape sequences of the text format. The zero value has none.
type palette struct{ dim, red, bold, off string }

// textEncoder encodes an entry for people:
//
//	15:04:05 info  published hash=8f2a… ref=main
//	15:05:05 error sync failed: asking the remote: the password was refused by git.example.com
//	               hint: check --password-file
//
// A value with several lines, such as the output of a command, follows on separate lines.
type textEncoder struct {
	clock  string
	colour palette
}

// indent indents the further lines of an entry.
const indent = "         "

func (t textEncoder) encode(e entry) []byte {
	var b, below bytes.Buffer
	c := t.colour
	level := fmt.Sprintf("%-5s", e.Level)
	switch {
	case e.Level > zapcore.WarnLevel:
		level = c.red + level + c.off
	case e.Level < 0:
		level = fmt.Sprintf("v%-4d", -e.Level)
		c.bold = ""
	}
	fmt.Fprintf(&b, "%s%s%s %s %s%s%s", c.dim, e.Time.Format(t.clock), c.off, level, c.bold, printable(e.Message), c.off)
	if cause := e.cause(); cause != nil {
		fmt.Fprintf(&b, ": %s", printable(cause[0]))
		t.block(&below, "", cause[1:])
	}
	for _, p := range e.pairs {
		s, isText := p.value.(string)
		switch {
		case p.key == "error" && e.Level > zapcore.InfoLevel:
		case (p.key == "remote" || p.key == "helper") && e.Level > zapcore.InfoLevel: // the error contains it
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

// cause returns the lines of the error of an error entry, which follows the message.
func (e entry) cause() []string {
	for _, p := range e.pairs {
		if s, ok := p.value.(string); ok && p.key == "error" && e.Level > zapcore.InfoLevel {
			return textLines(s)
		}
	}
	return nil
}

func textLines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }

// block writes separate lines, the first one with the label.
func (t textEncoder) block(w *bytes.Buffer, label string, lines []string) {
	for i, l := range lines {
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		fmt.Fprintf(w, "%s%s%s%s%s\n", indent, t.colour.dim, label, t.colour.off, printable(l))
	}
}

// valueText formats a value for key=value: without quotes if it is a single plain word.
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
	return r == '"' || r == '=' || r == '\\' || r == ' ' || !unicode.IsPrint(r)
}

// printable replaces tabs and control characters, because a remote's message must not control the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
