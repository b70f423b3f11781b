package config

// option is one row of the table.
type option struct {
	group string
	// scope says whether each sync has its own value, or the process has one.
	scope scope
	// flags and vars are its names in the order of precedence. Among several that are given the first one counts.
	flags, vars []spelling
	// short is a one-letter flag, "" for most.
	short string
	kind  kind
	// arg is what the value looks like in the documents: "PATH", "DURATION". A spelling with a syntax of its own overrides it.
	arg string
	// choices, when not empty, are the only values there are.
	choices []string
	// preset is the default, and unset what the documents say of it where the value alone says too little.
	preset, unset string
	// text is what the documents say: sentences.
	text string
	// secret values are shown nowhere.
	secret bool
	// set reads the value (or values) and stores it.
	set func(in given) error
}

// scope is what a row's value belongs to.
type scope int

const (
	perSync    scope = iota
	perProcess       // it exists once, however many repositories are synced
)

// kind is how often and with how much an option is given.
type kind int

const (
	oneValue   kind = iota
	manyValues      // each occurrence adds; a variable holds all of them
	isBool          // the value may be left out
)

// spelling is one name of an option.
type spelling struct {
	name   string // without dashes
	syntax syntax
	// v3 marks names of the older generation where the newer has another one for the same option.
	v3 bool
	// stray marks variables that charts set although no git-sync reads them.
	stray bool
}

// syntax is how durations are written under a name; other kinds of value have but one.
type syntax int

const (
	plain          syntax = iota // a Go duration
	inSeconds                    // seconds, with a fraction if need be
	inWholeSeconds               // seconds
	inEither                     // either of the first two
)

// given is a value as the user gave it.
type given struct {
	spelling
	label  string // "--wait", "GITSYNC_PERIOD" or "FILE:3:5: period"
	origin origin
	values []string
	off    bool // it turns the option off
}

// origin is where a value is given.
type origin int

// The origins; a value of an earlier one is used before those of a later one.
const (
	fromFile origin = iota // the entry of one sync
	fromFlag
	fromVariable
	fromDefaults // of the file
)

// rank is the same for flags and variables, which may not contradict each other.
func (o origin) rank() origin {
	if o == fromVariable {
		return fromFlag
	}
	return o
}

// layers are all values that are given.
type layers struct {
	line            *commandLine
	env             map[string]string
	entry, defaults map[string]given // of the file
}

func (g given) value() string { return last(g.values) }

// id is the row's name inside this package.
func (o option) id() string {
	if len(o.flags) > 0 {
		return o.flags[len(o.flags)-1].name
	}
	return o.vars[len(o.vars)-1].name
}

// named is a flag or variable that both generations have under one name, or that only one of them has.
func named(names ...string) []spelling {
	all := make([]spelling, len(names))
	for i, n := range names {
		all[i] = spelling{name: n}
	}
	return all
}

// bothVars are the variables of the two generations: GIT_SYNC_X and GITSYNC_X.
func bothVars(name string) []spelling { return named("GIT_SYNC_"+name, "GITSYNC_"+name) }

// twoNames are the variables of an option that has a name in each generation: each name with the prefix of its own
// generation, and with that of the other. v4 reads both prefixes; the older name with the newer prefix stands in charts
// although git-sync never read it.
func twoNames(older, newer string, as syntax) []spelling {
	lenient := as
	if as != plain {
		lenient = inEither
	}
	return []spelling{
		{name: "GIT_SYNC_" + older, v3: true, syntax: as},
		{name: "GIT_SYNC_" + newer},
		{name: "GITSYNC_" + newer},
		{name: "GITSYNC_" + older, v3: true, syntax: lenient, stray: true},
	}
}

// documented is o with what the documents say of it.
func documented(o option, text string) option {
	o.text = text
	return o
}

// table is all rows, in the order of the documents. They store what they take in d.
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
