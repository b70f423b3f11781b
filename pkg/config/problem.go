package config

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is one thing wrong with what was given.
type Problem struct {
	// Name is the flag or variable as it was given; empty when no single one is at fault.
	Name string
	// Text says what is wrong, Hint what to do about it; it may be empty.
	Text, Hint string
}

func (p Problem) String() string {
	if p.Name == "" {
		return p.Text
	}
	return p.Name + ": " + p.Text
}

// problemList has those found so far.
type problemList struct{ problems []Problem }

func (p *problemList) problem(name, text, hint string) {
	p.problems = append(p.problems, Problem{Name: name, Text: text, Hint: hint})
}

// Problems is the error of Parse: everything wrong, at once.
type Problems struct{ List []Problem }

// Error has one line for each problem, and one for each hint; several problems are indented below their number.
func (p *Problems) Error() string {
	var b strings.Builder
	indent := ""
	if len(p.List) != 1 {
		fmt.Fprintf(&b, "%d things are wrong with the options:\n", len(p.List))
		indent = "  "
	}
	for i, one := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(indent + one.String())
		if one.Hint != "" {
			b.WriteString("\n" + indent + "  hint: " + one.Hint)
		}
	}
	return b.String()
}

// Warning is for the log: something is odd, but the run goes on. Msg is constant, and Args are key and value pairs.
type Warning struct {
	Msg  string
	Args []any
}

// remark is an error about a value, with advice.
type remark struct{ text, hint string }

func (r *remark) Error() string { return r.text }

func wrong(text, hint string) error { return &remark{text: text, hint: hint} }

func hintOf(err error) string {
	if r, ok := errors.AsType[*remark](err); ok {
		return r.hint
	}
	return ""
}
