package config

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"git-sync/pkg/syncer"
)

// draft is a Config that is being made.
type draft struct {
	Process
	Sync
	at   string            // where the sync stands in the file; empty: there is no file
	env  map[string]string // the environment, without empty variables
	from map[string]given  // what was given for a row, by its id

	ssh     bool          // --ssh
	fromURL *url.Userinfo // of --repo, when it is an http(s) URL

	problemList
	warnings []Warning
	strays   []string // variables that are aliases
	secrets  []string
}

// Parse reads the command line (without the program's name) and the environment (as os.Environ gives it). The error is
// always a *Problems; then the Config is not to be used. The warnings are for the log. When help,
// the manual or the version is asked for, only Mode counts, and there is no error.
//
// If Process.File is set, even beside an error, there are no syncs yet: read the file, and call ParseFile.
func Parse(args, environ []string) (Config, []Warning, error) { return load(args, environ, nil) }

// ParseFile is Parse with the content of the file that --config names.
func ParseFile(args, environ []string, content []byte) (Config, []Warning, error) {
	return load(args, environ, func(path string, rows []option) file { return readFile(path, content, rows) })
}

// load is Parse, with what reads the file.
func load(args, environ []string, read func(path string, rows []option) file) (Config, []Warning, error) {
	d, rows := newDraft()
	line := readFlags(rows, args)
	mode := askedMode(line)
	if mode != ModeRun && mode != ModeCheck {
		return Config{Mode: mode}, nil, nil
	}
	d.env, d.problems = readEnviron(environ), line.problems
	if len(line.ignored) > 0 {
		d.warn("ignoring flags of glog", "flags", strings.Join(uniq(line.ignored), " "))
	}
	l := layers{line: line, env: d.env}
	d.apply(rows, perProcess, l)
	d.unknownVariables(rows)
	var drafts []*draft
	switch {
	case d.File == "":
		d.apply(rows, perSync, l)
		d.complete()
		drafts = []*draft{d}
		d.checkFiles(drafts)
	case read != nil:
		d.refuseRepo(rows, l)
		drafts = d.readSyncs(read(d.File, rows), l)
	default:
		d.apply(rows, perSync, l) // for its problems, in case the file cannot be read
	}
	for _, s := range drafts {
		d.strays = append(d.strays, s.strays...)
	}
	if len(d.strays) > 0 {
		d.warn("treating unsupported variables as aliases", "variables", strings.Join(uniq(d.strays), ", "))
	}
	c := Config{Mode: mode, Process: d.Process}
	if len(d.problems) > 0 {
		return c, d.warnings, &Problems{List: d.problems}
	}
	c.fields = d.makeFields(rows)
	for _, s := range drafts {
		s.gatherSecrets()
		c.secrets = uniq(append(c.secrets, s.secrets...))
		s.fields = s.makeFields(rows)
		c.Syncs = append(c.Syncs, s.Sync)
		for _, w := range s.warnings {
			if !slices.ContainsFunc(d.warnings, func(o Warning) bool { return reflect.DeepEqual(o, w) }) {
				d.warnings = append(d.warnings, w)
			}
		}
	}
	return c, d.warnings, nil
}

// refuseRepo refuses --repo beside --config.
func (d *draft) refuseRepo(rows []option, l layers) {
	config := d.named("config")
	for _, o := range rows {
		if o.id() != "repo" {
			continue
		}
		for _, in := range o.givens(l) {
			d.problem(in.label, "cannot be combined with "+config, "list the repository under syncs in the file")
		}
	}
}

// newDraft is one with the defaults, and the rows that change it.
func newDraft() (*draft, []option) {
	d := &draft{from: map[string]given{}}
	d.Loop.Budget = syncer.Budget{UntilPublished: true, Exit: 1}
	rows := table(d)
	for _, o := range rows {
		if o.preset != "" {
			_ = o.set(given{values: []string{o.preset}}) // a test sets all of them
		}
	}
	return d, rows
}

// askedMode is the first of the modes that a flag asks for. Asking for help is never an error, whatever else is wrong.
func askedMode(line *commandLine) Mode {
	for _, m := range []Mode{ModeHelp, ModeMan, ModeVersion, ModeCheck} {
		if on, err := strconv.ParseBool(last(line.values[string(m)])); err == nil && on {
			return m
		}
	}
	return ModeRun
}

// readEnviron is the environment as a map. An empty variable is as good as none: charts set those for what is not used.
func readEnviron(environ []string) map[string]string {
	env := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		delete(env, name) // the last one counts
		if value != "" {
			env[name] = value
		}
	}
	return env
}

// apply stores what is given for each row of a scope.
func (d *draft) apply(rows []option, of scope, l layers) {
	chosen := map[string]given{}
	for _, o := range rows {
		if all := o.givens(l); o.scope == of && len(all) > 0 {
			chosen[o.id()] = all[0]
			d.warnIgnored(o, all[0], all[1:])
		}
	}
	dropAlternatives(chosen)
	for _, o := range rows {
		in, ok := chosen[o.id()]
		if !ok {
			continue
		}
		in.off = in.value() == "off" || o.kind == isBool && isFalse(in.value())
		d.from[o.id()] = in
		if in.stray {
			d.strays = append(d.strays, in.label+" (as "+o.meant()+")")
		}
		d.take(o, in)
	}
}

// meant is the variable that a stray one stands for: the newest that is read.
func (o option) meant() string {
	for _, v := range slices.Backward(o.vars) {
		if !v.stray {
			return v.name
		}
	}
	return ""
}

// givens is all that is given for a row, what is used first.
func (o option) givens(l layers) []given {
	var all []given
	from := func(values map[string]given, as origin) {
		for _, f := range o.flags {
			if in, ok := values[f.name]; ok {
				in.origin = as
				all = append(all, in)
			}
		}
	}
	from(l.entry, fromFile)
	for _, f := range o.flags {
		if values := l.line.values[f.name]; last(values) != "" {
			all = append(all, given{spelling: f, label: "--" + f.name, origin: fromFlag, values: values})
		}
	}
	for _, v := range o.vars {
		if value := l.env[v.name]; value != "" {
			all = append(all, given{spelling: v, label: v.name, origin: fromVariable, values: []string{value}})
		}
	}
	from(l.defaults, fromDefaults)
	return all
}

// warnIgnored warns about a value that is ignored because the option has another one, given in the same way. That a flag
// overrides a variable is expected, and causes no warning.
func (d *draft) warnIgnored(o option, in given, others []given) {
	for _, other := range others {
		if other.origin == in.origin && !sameValue(in, other) {
			d.warn("conflicting values for one option", "used", in.written(o), "ignored", other.written(o))
		}
	}
}

func sameValue(a, b given) bool {
	if a.value() == b.value() && a.syntax == b.syntax {
		return true
	}
	x, errX := a.duration()
	y, errY := b.duration()
	if errX == nil && errY == nil {
		return x == y
	}
	p, errP := strconv.ParseBool(a.value())
	q, errQ := strconv.ParseBool(b.value())
	return errP == nil && errQ == nil && p == q
}

// take checks what holds for every row, then lets the row take its value.
func (d *draft) take(o option, in given) {
	if v := in.value(); len(o.choices) > 0 && !slices.Contains(o.choices, v) {
		d.problem(in.label, quoted(v)+" is not one of "+strings.Join(o.choices, ", "), "")
		return
	}
	if o.id() == "password" {
		d.warnVisible(in)
	}
	if err := o.set(in); err != nil {
		d.problem(in.label, err.Error(), hintOf(err))
	}
}

func (d *draft) warn(msg string, args ...any) {
	d.warnings = append(d.warnings, Warning{Msg: msg, Args: args})
}

// warnVisible warns that a password in a flag can be read in the process list.
func (d *draft) warnVisible(in given) {
	if in.origin == fromFlag && in.value() != "" {
		d.warn("a password is visible in the process list", "flag", in.label, "hint", "use a variable or a file")
	}
}

// hide keeps texts out of everything that is shown, also as URLs have them.
func (d *draft) hide(texts ...string) {
	for _, t := range texts {
		if t != "" {
			d.secrets = uniq(append(d.secrets, t, url.QueryEscape(t), url.PathEscape(t), url.UserPassword("", t).String()[1:]))
		}
	}
}

// named is the name under which a row was given or, if it was not, could have been.
func (d *draft) named(id string) string {
	if label, ok := d.given(id); ok {
		return label
	}
	if d.at != "" {
		return d.at + ": " + id
	}
	return "--" + id
}

// given says whether any of the rows was given, not just to turn it off, and by what name the first of them.
func (d *draft) given(ids ...string) (string, bool) {
	for _, id := range ids {
		if in, ok := d.from[id]; ok && !in.off {
			return in.label, true
		}
	}
	return "", false
}

func isFalse(s string) bool {
	on, err := strconv.ParseBool(s)
	return err == nil && !on
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

func uniq(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
