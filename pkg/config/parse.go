package config

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"git-sync/pkg/advice"
	"git-sync/pkg/syncer"
)

// draft is an incomplete Config.
type draft struct {
	Process
	Sync
	*findings
	at   string            // position of the sync in the file; empty if there is no file
	env  map[string]string // the environment, without empty variables
	from map[string]given  // the value that was given for a row, by its id

	ssh     bool          // --ssh
	fromURL *url.Userinfo // of --repo, if it is an http(s) URL
}

// Parse parses the command line (without the program's name), the environment (as from os.Environ) and, with
// --config, the file, which it gets by calling read. The error is always a *Problems, and then the Config must not be
// used. The caller must log the warnings. If help, the manual or the version is asked for, only Mode is set, and
// there is no error.
func Parse(args, environ []string, read func(path string) ([]byte, error)) (Config, []Warning, error) {
	d, rows := newDraft(&findings{})
	line := readFlags(rows, args)
	mode := askedMode(line)
	if mode != ModeRun && mode != ModeCheck {
		return Config{Mode: mode}, nil, nil
	}
	d.findings, d.env = &line.findings, readEnviron(environ)
	if len(line.ignored) > 0 {
		d.warn("ignoring flags of glog", "flags", strings.Join(uniq(line.ignored), " "))
	}
	l := layers{line: line, env: d.env}
	d.apply(rows, perProcess, l)
	d.unknownVariables(rows)
	syncs := []*draft{d}
	if d.File == "" {
		d.apply(rows, perSync, l)
		d.complete()
	} else {
		syncs = d.readFile(rows, l, read)
	}
	d.checkPlaces(syncs)
	if len(d.aliases) > 0 {
		d.warn("treating unsupported variables as aliases", "variables", strings.Join(d.aliases, ", "))
	}
	if len(d.problems) > 0 {
		return Config{}, d.warnings, &Problems{List: d.problems}
	}
	c := Config{Mode: mode, Process: d.Process, Secrets: d.secrets, Fields: d.makeFields(rows)}
	for _, s := range syncs {
		s.Fields = s.makeFields(rows)
		c.Syncs = append(c.Syncs, s.Sync)
	}
	return c, d.warnings, nil
}

// ParseFile is Parse with the content of the file of --config.
func ParseFile(args, environ []string, content []byte) (Config, []Warning, error) {
	return Parse(args, environ, func(string) ([]byte, error) { return content, nil })
}

// readFile makes the syncs of the file of --config. d has the options of the process.
func (d *draft) readFile(rows []option, l layers, read func(path string) ([]byte, error)) (syncs []*draft) {
	repo, _ := find(rows, "repo")
	for _, in := range repo.givens(l) {
		d.problem(in.label, "cannot be combined with "+d.named("config"), "list the repository under syncs in the file")
	}
	f := &file{}
	if content, err := read(d.File); err != nil {
		d.problem(d.named("config"), err.Error(), "")
	} else {
		f = parseFile(d.File, content, rows, d.findings)
	}
	if len(f.syncs) == 0 { // still check flags and variables
		d.apply(rows, perSync, l)
		d.checkServers()
	}
	l.defaults = f.defaults
	for _, entry := range f.syncs {
		s, rows := newDraft(d.findings)
		s.Process, s.from, s.env = d.Process, maps.Clone(d.from), d.env
		s.Name, s.at = entry.name, entry.at
		l.entry = entry.values
		s.apply(rows, perSync, l)
		s.complete()
		syncs = append(syncs, s)
	}
	return syncs
}

// newDraft returns a draft with the defaults, and the rows that modify it.
func newDraft(found *findings) (*draft, []option) {
	d := &draft{findings: found, from: map[string]given{}}
	d.Loop.Budget = syncer.Budget{UntilPublished: true, Exit: 1}
	rows := table(d)
	for _, o := range rows {
		if o.preset != "" {
			_ = o.set(given{values: []string{o.preset}}) // a test sets all of them
		}
	}
	return d, rows
}

// askedMode returns the first mode that a flag asks for. Other errors do not matter if the user asks for help.
func askedMode(line *commandLine) Mode {
	for _, m := range []Mode{ModeHelp, ModeMan, ModeVersion, ModeCheck} {
		if on, err := strconv.ParseBool(last(line.values[string(m)])); err == nil && on {
			return m
		}
	}
	return ModeRun
}

// readEnviron returns the environment as a map. Empty variables are ignored, because charts set them for unused
// options.
func readEnviron(environ []string) map[string]string {
	env := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value // the last one counts
	}
	maps.DeleteFunc(env, func(_, value string) bool { return value == "" })
	return env
}

// apply stores the values of all rows of a scope.
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
		on, err := asBool(in)
		in.off = in.value() == "off" || o.kind == isBool && err == nil && !on
		d.from[o.id()] = in
		if in.unsupported {
			d.aliases = uniq(append(d.aliases, in.label+" (as "+o.supported()+")"))
		}
		d.take(o, in)
	}
}

// supported returns the variable of which an unsupported one is an alias: the newest.
func (o option) supported() string {
	for _, v := range slices.Backward(o.vars) {
		if !v.unsupported {
			return v.name
		}
	}
	return ""
}

// givens returns all values that were given for a row, in order of precedence.
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

// warnIgnored warns about a value that is ignored because the option has another one of the same origin. A flag that
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

// take makes the checks that apply to all rows, then sets the value.
func (d *draft) take(o option, in given) {
	if v := in.value(); len(o.choices) > 0 && !slices.Contains(o.choices, v) {
		d.problem(in.label, quoted(v)+" is not one of "+strings.Join(o.choices, ", "), "")
		return
	}
	if slices.Contains([]string{"PATH", "DIR", "FILE"}, o.arg) && slices.ContainsFunc(in.values, inHome) {
		d.problem(in.label, "begins with ~, which only a shell expands", "write the path in full; on a command line, $HOME/ instead of ~/")
		return
	}
	if o.id() == "password" {
		d.warnVisible(in)
	}
	if err := o.set(in); err != nil {
		d.problem(in.label, err.Error(), advice.Hint(err))
	}
}

// warnVisible warns that a password in a flag can be read in the process list.
func (d *draft) warnVisible(in given) {
	if in.origin == fromFlag && in.value() != "" {
		d.warn("a password is visible in the process list", "flag", in.label, "hint", "use a variable or a file")
	}
}

// named returns the name with which a row was given, or could have been given.
func (d *draft) named(id string) string {
	if label, ok := d.given(id); ok {
		return label
	}
	if d.at != "" {
		return d.at + ": " + id
	}
	return "--" + id
}

// given reports whether any of the rows was given, except to turn it off, and returns the name of the first one.
func (d *draft) given(ids ...string) (string, bool) {
	for _, id := range ids {
		if in, ok := d.from[id]; ok && !in.off {
			return in.label, true
		}
	}
	return "", false
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
