package config

import (
	"regexp"
	"strings"
)

// markdown is docs/options.md.
func markdown() string {
	var b strings.Builder
	b.WriteString("<!-- Generated from the option table in pkg/config: change it there, then run `make docs`. -->\n\n")
	b.WriteString("# Options\n\ngit-sync " + tagline + ". `git-sync --help` prints this, too; `git-sync --man` is a manual page.\n")
	for _, d := range document() {
		switch d.kind {
		case heading:
			b.WriteString("\n## " + d.text + "\n")
		case group:
			b.WriteString("\n### " + d.text + "\n\n| flag | environment | default | meaning |\n|---|---|---|---|\n")
		case paragraph:
			b.WriteString("\n" + d.text + "\n")
		case command:
			b.WriteString("\n```sh\n" + strings.ReplaceAll(d.text, " --", " \\\n  --") + "\n```\n")
		case row:
			b.WriteString(markdownRow(d.option))
		}
	}
	return b.String()
}

func markdownRow(o option) string {
	cells := []string{codes(o.flagForms()), codes(o.varNames()), markdownText(o.presetText()), markdownText(o.about())}
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
