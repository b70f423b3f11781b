package config

// option is one row of the table.
type option struct {
	group string
	// scope says whether each sync has its own value, or the process has one.
	scope scope
	// flags and vars are its names in order of precedence. If several are given, the first one counts.
	flags, vars []spelling
	// short is a one-letter flag; "" for most.
	short string
	kind  kind
	// arg is the form of the value in the documentation: "PATH", "DURATION". A spelling with its own syntax overrides
	// it.
	arg string
	// choices, if not empty, are the only allowed values.
	choices []string
	// preset is the default. unset describes it in the documentation if the value alone is not clear.
	preset, unset string
	// text is the description in the documentation.
	text string
	// secret values are never shown.
	secret bool
	// set parses the value (or values) and stores it.
	set func(in given) error
}

// scope says what a row's value belongs to.
type scope int

const (
	perSync    scope = iota
	perProcess       // one for the process, whatever the number of repositories
)

// kind says how often an option may be given, and whether it needs a value.
type kind int

const (
	oneValue   kind = iota
	manyValues      // each occurrence adds; a variable has all of them
	isBool          // the value may be omitted
)

// spelling is one name of an option.
type spelling struct {
	name   string // without dashes
	syntax syntax
	// v3 marks names of v3 if the option has another name in v4.
	v3 bool
	// unsupported marks variables that charts set although no release of git-sync reads them.
	unsupported bool
}

// syntax says how durations are written with a name. Other kinds of value have only one syntax.
type syntax int

const (
	plain     syntax = iota // a Go duration
	inSeconds               // a number of seconds
	inEither                // both are accepted
)

// given is a value that the user has given.
type given struct {
	spelling
	label  string // "--wait", "GITSYNC_PERIOD" or "FILE:3:5: period"
	origin origin
	values []string
	off    bool // it turns the option off
}

// origin says where a value was given.
type origin int

// The origins, in order of precedence.
const (
	fromFile origin = iota // the entry of one sync
	fromFlag
	fromVariable
	fromDefaults // of the file
)

// rank is equal for flags and variables, which must not contradict each other.
func (o origin) rank() origin {
	if o == fromVariable {
		return fromFlag
	}
	return o
}

// layers has all values that were given.
type layers struct {
	line            *commandLine
	env             map[string]string
	entry, defaults map[string]given // of the file
}

func (g given) value() string { return last(g.values) }

// id returns the row's name inside this package.
func (o option) id() string {
	if len(o.flags) > 0 {
		return o.flags[len(o.flags)-1].name
	}
	return o.vars[len(o.vars)-1].name
}

// named returns the names of a flag or variable that are the same in v3 and v4, or exist in only one of them.
func named(names ...string) []spelling {
	all := make([]spelling, len(names))
	for i, n := range names {
		all[i] = spelling{name: n}
	}
	return all
}

// bothVars returns the variables for v3 and v4: GIT_SYNC_X and GITSYNC_X.
func bothVars(name string) []spelling { return named("GIT_SYNC_"+name, "GITSYNC_"+name) }

// twoNames returns the variables of an option with different names in v3 and v4. Each name exists with both prefixes.
// v4 reads both prefixes. Charts use the older name with the newer prefix, although no release reads it.
func twoNames(older, newer string, as syntax) []spelling {
	lenient := as
	if as != plain {
		lenient = inEither
	}
	return []spelling{
		{name: "GIT_SYNC_" + older, v3: true, syntax: as},
		{name: "GIT_SYNC_" + newer},
		{name: "GITSYNC_" + newer},
		{name: "GITSYNC_" + older, v3: true, syntax: lenient, unsupported: true},
	}
}

// documented returns o with its description.
func documented(o option, text string) option {
	o.text = text
	return o
}

// find returns the row that has a flag, and the flag; nil if there is none.
func find(rows []option, flag string) (option, *spelling) {
	for _, o := range rows {
		for _, s := range o.flags {
			if s.name == flag {
				return o, &s
			}
		}
	}
	return option{}, nil
}

// table returns all rows, in the order of the documentation. They store values in d.
func table(d *draft) []option {
	var all []option
	add := func(group string, rows []option) {
		for _, o := range rows {
			o.group = group
			all = append(all, o)
		}
	}
	add("Source", sourceRows(d))
	add("Publishing", placeRows(d))
	add("Schedule and failures", scheduleRows(d))
	add("Many repositories", fileRows(d))
	add("Credentials", authRows(d))
	add("Hooks", hookRows(d))
	add("Receiving push webhooks", receiverRows(d))
	add("Monitoring and logs", watchRows(d))
	add("git", gitRows(d))
	add("Help", helpRows())
	return all
}
