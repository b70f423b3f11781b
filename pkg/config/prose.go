package config

import "strings"

// What the three documents (--help, --man, docs/options.md) share. Code is in backquotes, which only Markdown keeps.

const tagline = "keeps a directory equal to a ref of a git repository"

func introduction() []string {
	return []string{
		"git-sync fetches a ref of a remote repository into a directory of its own, and publishes each revision by moving a symbolic link, in one step: whoever reads through the link sees one whole revision, old or new, never a mix.",
		"It runs once, as an init container does (`--one-time`), or goes on: it looks for something new by the clock (`--period`), at a signal (`--sync-on-signal`), or when a forge tells of a push (`--receiver-bind`).",
	}
}

// example is a command line, and what it is for.
type example struct{ about, command string }

func examples() []example {
	return []example{
		{
			"Keep ./site equal to a branch, on a laptop:",
			"git-sync --repo=https://github.com/me/site.git --ref=main --root=.site --link=$PWD/site",
		},
		{
			"Fetch once, before the service starts (an init container); give up after about a minute:",
			"git-sync --repo=git@github.com:me/site.git --branch=main --root=/git --dest=site --one-time --wait=10 --max-sync-failures=6",
		},
		{
			"Stay up to date beside it (a sidecar), whatever happens to the remote, and answer probes:",
			"git-sync --repo=git@github.com:me/site.git --branch=main --root=/git --dest=site --wait=60 --max-sync-failures=-1 --http-bind=:1234",
		},
		{
			"Sync the moment somebody pushes; poll once an hour in case a push gets lost:",
			"git-sync --repo=https://github.com/me/site.git --ref=main --root=/git --period=1h --receiver-bind=:8080 --receiver-secret-file=/etc/git-secret/webhook",
		},
		{
			"Follow the newest release below 2.0:",
			"git-sync --repo=https://github.com/me/site.git --ref-semver='>=1.0 <2' --root=/git --link=release",
		},
	}
}

// section is some paragraphs under a heading.
type section struct {
	title      string
	paragraphs []string
}

func sections() []section {
	return []section{
		{"Names and values", []string{
			"Options have the names of both generations of git-sync: where two flags are listed they are one option, and neither is the better one. If both are given, the one listed first counts. Each keeps its own way of writing values: `--wait=0.5` is in seconds, `--period=500ms` is a duration.",
			"`-repo=X`, `-repo X`, `--repo X` and `--repo=X` are the same. A flag that can stand alone takes a value only behind an equals sign: `--one-time=false`. Behind `--` nothing is a flag. The logging flags of the older generation (`-logtostderr` and its kin) are accepted and do nothing.",
		}},
		{"Environment", []string{
			"Every option but a few can be given by a variable. A flag beats a variable; of several variables the one listed first counts. An empty variable is as good as none. A variable that begins with `GITSYNC_` or `GIT_SYNC_` and is not known is warned of.",
			"`GITSYNC_BRANCH`, `GITSYNC_DEST`, `GITSYNC_WAIT` and `GITSYNC_ONETIME`, which stand in many charts, are taken for what they obviously mean. `HTTPS_PROXY`, `GIT_SSL_CAINFO` and the like are passed on to git; the user's own git configuration is not read.",
		}},
		{"Exit status", []string{
			"0: done, or stopped by SIGTERM or SIGINT while looping. 1: too many failures, a failed hook of a one-time sync, or interrupted before a one-time sync was complete. 2: something is wrong with the options; all of it is listed, and nothing was done.",
		}},
	}
}

// flagForms are the row's flags as one writes them, "--wait=SECONDS"; the short ones come first.
func (o option) flagForms() []string {
	var forms []string
	for _, letter := range o.short {
		forms = append(forms, "-"+string(letter))
	}
	for _, f := range o.flags {
		forms = append(forms, "--"+f.name+o.argument(f))
	}
	return forms
}

func (o option) argument(f spelling) string {
	switch {
	case o.kind == isBool:
		return ""
	case f.syntax == inSeconds, f.syntax == inWholeSeconds:
		return "=SECONDS"
	case o.fewChoices():
		return "=" + strings.Join(o.choices, "|")
	}
	return "=" + o.arg
}

func (o option) fewChoices() bool { return len(o.choices) > 0 && len(o.choices) <= 4 }

// varNames are the row's variables, without those that were never meant to be.
func (o option) varNames() []string {
	var all []string
	for _, v := range o.vars {
		if !v.stray {
			all = append(all, v.name)
		}
	}
	return all
}

// about is the row's text, with all that is to be said beside it.
func (o option) about() string {
	s := o.text
	if len(o.choices) > 0 && !o.fewChoices() {
		s += " One of " + strings.Join(o.choices, ", ") + "."
	}
	if o.planned {
		s += " Not there yet in this version."
	}
	if len(o.plannedChoices) > 0 {
		s += " Not there yet in this version: " + strings.Join(o.plannedChoices, ", ") + "."
	}
	return s
}

// grouped calls do with each group and its rows.
func grouped(do func(group string, rows []option)) {
	rows := table()
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].group == rows[0].group {
			n++
		}
		do(rows[0].group, rows[:n])
		rows = rows[n:]
	}
}
