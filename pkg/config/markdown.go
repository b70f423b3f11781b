package config

import (
	"regexp"
	"strings"
)

// Markdown is docs/options.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("<!-- Generated from the option table in pkg/config: change it there, then run `make docs`. -->\n\n")
	b.WriteString("# Options\n\ngit-sync " + tagline + ". `git-sync --help` prints this, too; `git-sync --man` is a manual page.\n")
	for _, s := range sections() {
		b.WriteString("\n## " + s.title + "\n")
		for _, p := range s.paragraphs {
			b.WriteString("\n" + p + "\n")
		}
	}
	b.WriteString("\n## Examples\n")
	for _, e := range examples() {
		b.WriteString("\n" + e.about + "\n\n```sh\n" + strings.ReplaceAll(e.command, " --", " \\\n  --") + "\n```\n")
	}
	grouped(func(group string, rows []option) {
		b.WriteString("\n## " + group + "\n\n| flag | environment | default | meaning |\n|---|---|---|---|\n")
		for _, o := range rows {
			b.WriteString(markdownRow(o))
		}
	})
	return b.String()
}

func markdownRow(o option) string {
	cells := []string{codes(o.flagForms()), codes(o.varNames()), markdownText(o.preset), markdownText(o.about())}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

func codes(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "`" + cell(n) + "`"
	}
	return strings.Join(quoted, "<br>")
}

// markdownText puts flags, variables, paths, URLs, escapes and what is quoted into backquotes.
func markdownText(s string) string {
	code := regexp.MustCompile(`https?://[^ ]*[^ .]|--[a-z0-9][a-z0-9-]*(=[A-Za-z0-9]+)?|\b(GITSYNC|GIT_SYNC)_[A-Z0-9_]+|/[a-z]+/[a-z_/-]+|/(livez|readyz|status|metrics)\b|\$HOME\S+|\.worktrees/HASH|rev-HASH|\\[nt",\\]( \\[nt",\\])*|'[^' ]+( [^']+)?'`)
	return cell(code.ReplaceAllStringFunc(s, func(m string) string { return "`" + strings.Trim(m, "'") + "`" }))
}

// cell is text that may stand in a table.
func cell(s string) string {
	return strings.ReplaceAll(s, "|", `\|`)
}
