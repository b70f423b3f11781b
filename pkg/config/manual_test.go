package config

import "strings"

// manual is the manual page, in roff.
func manual() string {
	var b strings.Builder
	macro := func(name string, args ...string) {
		b.WriteString("." + name)
		for _, a := range args {
			b.WriteString(` "` + strings.ReplaceAll(roff(a), `"`, `\(dq`) + `"`)
		}
		b.WriteByte('\n')
	}
	text := func(s string) { b.WriteString(roffText(s) + "\n") }

	b.WriteString(".\\\" Generated from the option table in pkg/config; change it there, then run make docs.\n")
	macro("TH", "GIT-SYNC", "1", "", "git-sync", "User Commands")
	b.WriteString(".nh\n.ad l\n") // names must not be hyphenated
	macro("SH", "NAME")
	text("git-sync - " + tagline)
	macro("SH", "SYNOPSIS")
	b.WriteString(".B git\\-sync\n\\-\\-repo=\\fIURL\\fR [\\fIOPTION\\fR]...\n.br\n.B git\\-sync\n\\-\\-config=\\fIFILE\\fR [\\fIOPTION\\fR]...\n")
	macro("SH", "DESCRIPTION")
	for _, d := range document() {
		switch d.kind {
		case heading:
			macro("SH", strings.ToUpper(d.text))
		case group:
			macro("SS", d.text)
		case paragraph:
			macro("PP")
			text(d.text)
		case command:
			b.WriteString(".PP\n.RS 4\n.nf\n" + roffText(strings.ReplaceAll(d.text, " --", " \\\n  --")) + "\n.fi\n.RE\n")
		case row:
			manualOption(&b, d.option)
		}
	}
	macro("SH", "SEE ALSO")
	b.WriteString(".BR git (1),\n.BR git\\-worktree (1),\n.BR ssh (1)\n")
	return b.String()
}

func manualOption(b *strings.Builder, o option) {
	forms, vars := o.flagForms(), o.varNames()
	if len(forms) == 0 {
		forms, vars = []string{"$" + strings.Join(vars, ", $")}, nil
	}
	for i, f := range forms {
		name, arg, hasArg := strings.Cut(f, "=")
		forms[i] = `\fB` + roff(name) + `\fR`
		if hasArg {
			forms[i] += `=\fI` + roff(arg) + `\fR`
		}
	}
	b.WriteString(".TP\n" + strings.Join(forms, ", ") + "\n")
	b.WriteString(roffText(o.about()) + "\n")
	var extra []string
	switch preset := o.presetText(); preset {
	case "":
	case required:
		extra = append(extra, "Required.")
	default:
		extra = append(extra, "Default: "+preset+".")
	}
	if len(vars) > 0 {
		extra = append(extra, "Environment: "+strings.Join(vars, ", ")+".")
	}
	if len(extra) > 0 {
		b.WriteString(".br\n" + roffText(strings.Join(extra, " ")) + "\n")
	}
}

// roffText is running text: code becomes bold, and no line begins with what troff takes for a request.
func roffText(s string) string {
	parts := strings.Split(s, "`")
	for i := range parts {
		parts[i] = roff(parts[i])
		if i%2 == 1 {
			parts[i] = `\fB` + parts[i] + `\fR`
		}
	}
	lines := strings.Split(strings.Join(parts, ""), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// roff escapes what troff would read as an escape, or print as another character.
func roff(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "^", `\(ha`, "~", `\(ti`).Replace(s)
}
