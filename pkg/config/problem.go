package config

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"git-sync/pkg/advice"
)

// Problem is one problem with the configuration.
type Problem struct {
	// Name is the flag or variable that was given; empty if the problem is not about a single one.
	Name string
	// Text says what is wrong, Hint what to do about it. Hint may be empty.
	Text, Hint string
}

func (p Problem) String() string {
	if p.Name == "" {
		return p.Text
	}
	return p.Name + ": " + p.Text
}

// findings has everything to report. Duplicates are dropped, because a wrong flag is found once for every sync of a
// file.
type findings struct {
	problems []Problem
	warnings []Warning
	aliases  []string // unsupported variables that are treated as aliases
	mistyped []string // flags that unknown ones were probably meant to be
	secrets  []string
}

// seeHelp ends hints for users who may not know the options.
const seeHelp = "; see git-sync --help"

// problem adds a problem. In a file, options have no dashes.
func (f *findings) problem(name, text, hint string) {
	if strings.Contains(name, ": ") {
		hint = strings.TrimSuffix(hint, seeHelp)
		hint = regexp.MustCompile(`--([a-z-]+)=`).ReplaceAllString(hint, "$1: ")
		hint = regexp.MustCompile(`--([a-z-]+)`).ReplaceAllString(hint, "$1")
	}
	if p := (Problem{Name: name, Text: text, Hint: hint}); !slices.Contains(f.problems, p) {
		f.problems = append(f.problems, p)
	}
}

// warn adds a warning; args are key and value pairs.
func (f *findings) warn(msg string, args ...any) {
	w := Warning{Msg: msg, Args: args}
	if !slices.ContainsFunc(f.warnings, func(o Warning) bool { return reflect.DeepEqual(o, w) }) {
		f.warnings = append(f.warnings, w)
	}
}

// hide adds secrets that must not be shown, also in the forms that they have in URLs.
func (f *findings) hide(texts ...string) {
	for _, t := range texts {
		if t != "" {
			f.secrets = uniq(append(f.secrets, t, url.QueryEscape(t), url.PathEscape(t), url.UserPassword("", t).String()[1:]))
		}
	}
}

// Problems is the error of Parse, with all problems.
type Problems struct{ List []Problem }

// Error returns one line for each problem and each hint. Several problems are indented below their number.
func (p *Problems) Error() string {
	var b strings.Builder
	indent := ""
	if len(p.List) != 1 {
		fmt.Fprintf(&b, "%d problems with the options:\n", len(p.List))
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

// Warning is for the log: git-sync can run, but the user should know. Msg is constant, and Args are key and value
// pairs.
type Warning struct {
	Msg  string
	Args []any
}

// wrong returns an error about a value, with a hint.
func wrong(text, hint string) error { return advice.With(errors.New(text), hint) }
