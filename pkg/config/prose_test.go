package config

import (
	"fmt"
	"slices"
	"strings"
)

// What the three documents (--help, the manual, docs/options.md) share. Code is in backquotes, which only Markdown keeps.

const tagline = "keeps a directory equal to a ref of a git repository"

// block is a part of a document.
type block struct {
	kind   blockKind
	text   string
	option option // of a row
}

type blockKind int

const (
	heading blockKind = iota
	group             // a heading above options
	paragraph
	command
	row
)

// document is what --help, the manual and docs/options.md all show, in its order.
func document() []block {
	all := []block{
		{kind: paragraph, text: "git-sync fetches a ref (a branch, a tag or a commit) of a remote repository into a directory, and publishes each revision (the commit that the ref is at) by replacing a symbolic link in one step. A reader of the link sees one complete revision, never a mix of two."},
		{kind: paragraph, text: "With `--one-time` it syncs once, for example in an init container. Otherwise it runs continuously and syncs every `--period`, on a signal (`--sync-on-signal`), or when a forge (such as GitHub or GitLab) delivers a push webhook (`--receiver-bind`)."},
		{kind: heading, text: "Examples"},
		{kind: paragraph, text: "On a laptop: keep ./site equal to a branch:"},
		{kind: command, text: "git-sync --repo=https://github.com/me/site.git --ref=main --root=.site --link=$PWD/site"},
		{kind: paragraph, text: "In an init container: sync once, and give up after about a minute:"},
		{kind: command, text: "git-sync --repo=git@github.com:me/site.git --ref=main --root=/git --link=site --one-time --period=10s --max-failures=6"},
		{kind: paragraph, text: "In a sidecar: sync continuously, never exit for failures, and serve probes:"},
		{kind: command, text: "git-sync --repo=git@github.com:me/site.git --ref=main --root=/git --link=site --period=60s --max-failures=-1 --http-bind=:1234"},
		{kind: paragraph, text: "Sync on push webhooks, and poll every ten minutes in case a delivery is lost:"},
		{kind: command, text: "git-sync --repo=https://github.com/me/site.git --ref=main --root=/git --link=site --period=10m --receiver-bind=:8080 --receiver-secret-file=/etc/git-secret/webhook"},
		{kind: paragraph, text: "Follow the newest release below 2.0:"},
		{kind: command, text: "git-sync --repo=https://github.com/me/site.git --ref-semver='>=1.0 <2' --root=/git --link=release"},
		{kind: heading, text: "Options"},
	}
	last := ""
	for _, o := range table(new(draft)) {
		if o.group != last {
			last = o.group
			all = append(all, block{kind: group, text: last})
		}
		all = append(all, block{kind: row, option: o})
	}
	return append(all, []block{
		{kind: heading, text: "Names and values"},
		{kind: paragraph, text: "Options have the names of v3 and of v4. Where two flags are listed, they are two names of one option. If both are given, the name of v3 is used: `--branch`, `--dest`, `--wait`, `--timeout`, `--max-sync-failures`. Each name keeps its own value syntax: `--period=500ms` is a duration, `--wait=0.5` is in seconds."},
		{kind: paragraph, text: "DURATION is a number with a unit, for example 500ms, 10s, 1m30s or 24h. There is no unit for days. SECONDS is a number without a unit."},
		{kind: paragraph, text: "`-repo=X`, `-repo X`, `--repo X` and `--repo=X` are the same. A flag that can stand alone takes a value only after an equals sign: `--one-time=false`. The flags of glog, which v3 had (such as `-logtostderr`), are accepted and ignored."},
		{kind: heading, text: "Environment"},
		{kind: paragraph, text: "Most options can be given by a variable. A flag overrides a variable. If several variables of one option are set, the one listed last is used. Empty variables are ignored. Unknown variables that begin with `GITSYNC_` or `GIT_SYNC_` cause a warning."},
		{kind: paragraph, text: "Some charts set variables that git-sync never supported. They are treated as aliases, with a warning: " + strings.Join(unsupportedVars(), ", ") + ". `HTTPS_PROXY`, `GIT_SSL_CAINFO` and similar variables are passed on to git. The git configuration of the user is not read."},
		{kind: heading, text: "Exit status"},
		{kind: paragraph, text: "0: the one-time sync is complete, or SIGTERM or SIGINT (Ctrl-C) stopped the loop."},
		{kind: paragraph, text: "1: too many failures, a failed hook of a one-time sync, or a one-time sync that was interrupted."},
		{kind: paragraph, text: "2: git-sync could not start. Options are invalid, all of which are listed, or a root, another path or a port cannot be used. Nothing was done."},
	}...)
}

// unsupportedVars are the variables that are aliases although no git-sync reads them.
func unsupportedVars() []string {
	var all []string
	for _, o := range table(new(draft)) {
		for _, v := range o.vars {
			if v.unsupported {
				all = append(all, "`"+v.name+"`")
			}
		}
	}
	return all
}

// flagForms are the row's flags as users write them, "--wait=SECONDS"; the short ones come first.
func (o option) flagForms() []string {
	var forms []string
	for _, letter := range o.short {
		forms = append(forms, "-"+string(letter))
	}
	flags := slices.Clone(o.flags)
	slices.SortStableFunc(flags, func(a, b spelling) int { return strings.Compare(fmt.Sprint(a.v3), fmt.Sprint(b.v3)) }) // the names of v3 come last
	for _, f := range flags {
		forms = append(forms, "--"+f.name+o.argument(f))
	}
	return forms
}

func (o option) argument(f spelling) string {
	switch {
	case o.kind == isBool:
		return ""
	case f.syntax == inSeconds:
		return "=SECONDS"
	case o.fewChoices():
		return "=" + strings.Join(o.choices, "|")
	}
	return "=" + o.arg
}

func (o option) fewChoices() bool { return len(o.choices) > 0 && len(o.choices) <= 4 }

// varNames are the row's variables, without unsupported ones. The newest one, which new manifests should use, comes first.
func (o option) varNames() []string {
	var all []string
	for _, v := range slices.Backward(o.vars) {
		if !v.unsupported {
			all = append(all, v.name)
		}
	}
	return all
}

// about is the row's text and, if there are many, its choices.
func (o option) about() string {
	s := o.text
	if len(o.choices) > 0 && !o.fewChoices() {
		s += " One of " + strings.Join(o.choices, ", ") + "."
	}
	return s
}
