package config

import (
	"cmp"
	"strings"
	"unicode/utf8"
)

// usage is what --help prints, in lines of at most 80 columns (where the words allow it).
func usage() string {
	p := &page{}
	p.text("", "git-sync "+tagline+".")
	p.line("")
	p.line("Usage:")
	p.line("  git-sync --repo=URL [OPTION]...")
	p.line("  git-sync --config=FILE [OPTION]...")
	for _, b := range document() {
		switch b.kind {
		case heading, group:
			p.line("")
			p.line(b.text + ":")
		case paragraph:
			p.line("")
			p.text("  ", b.text)
		case command:
			p.command("    ", b.text)
		case row:
			p.option(b.option)
		}
	}
	return p.b.String()
}

// page is text that is being wrapped.
type page struct{ b strings.Builder }

func (p *page) line(s string) {
	p.b.WriteString(strings.TrimRight(s, " "))
	p.b.WriteByte('\n')
}

// text is a paragraph, without its backquotes.
func (p *page) text(indent, s string) {
	p.wrap(indent, strings.Fields(strings.ReplaceAll(s, "`", "")), "")
}

// command is a command line, with a backslash at the end of each line that goes on. It is broken before flags only.
func (p *page) command(indent, s string) {
	words := strings.Split(s, " --")
	for i := range words[1:] {
		words[i+1] = "--" + words[i+1]
	}
	p.wrap(indent, words, " \\")
}

// wrap writes words in lines, with more at the end of each but the last.
func (p *page) wrap(indent string, words []string, more string) {
	line := indent
	for _, w := range words {
		if strings.TrimSpace(line) != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w)+len(more) > 80 {
			p.line(line + more)
			line = indent
			if more != "" {
				line += "  "
			}
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += w
	}
	p.line(line)
}

func (p *page) option(o option) {
	vars := o.varNames()
	switch forms := o.flagForms(); {
	case len(forms) > 0:
		p.wrap("  ", strings.Fields(strings.Join(forms, ", ")), "")
	default:
		p.line("  $" + strings.Join(vars, ", $"))
		vars = nil
	}
	s := o.about()
	switch preset := o.presetText(); preset {
	case "", "false":
	case required:
		s += " (required)"
	default:
		s += " (default: " + preset + ")"
	}
	p.text("        ", s)
	if len(vars) > 0 {
		p.text("        ", "$"+strings.Join(vars, ", $"))
	}
}

// presetText is the default as the documents say it.
func (o option) presetText() string { return cmp.Or(o.unset, o.preset) }

// required is the presetText of what has to be given.
const required = "required"
