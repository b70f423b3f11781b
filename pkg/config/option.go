package config

import "slices"

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
	// preset is the default as the documents say it; the real one is in defaults().
	preset string
	// text is what the documents say: sentences.
	text string
	// secret values are shown nowhere, and noticed when they come by a flag.
	secret bool
	// fresh rows are new in this git-sync: neither peer has them.
	fresh bool
	// planned rows are documented, but what they ask for is not built yet: using one for anything but its default is a
	// problem. Where only some of the choices are not built, they are the plannedChoices.
	planned        bool
	plannedChoices []string
	// set takes the value (or values) over.
	set func(d *draft, in given) error
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
	// stray marks variables that stand in real charts although git-sync never read them.
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
	label  string // "--wait" or "GITSYNC_PERIOD"
	flag   bool
	values []string
}

func (g given) value() string {
	if len(g.values) == 0 {
		return ""
	}
	return g.values[len(g.values)-1]
}

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

// table is all rows, in the order of the documents.
func table() []option {
	return slices.Concat(sourceRows(), placeRows(), scheduleRows(), authRows(), hookRows(), receiverRows(), watchRows(), gitRows(), helpRows())
}

// The groups, in the order of the documents.
const (
	groupSource   = "What to sync"
	groupPlace    = "Where to put it"
	groupSchedule = "When to sync, and what to do about failures"
	groupAuth     = "Credentials"
	groupHooks    = "Telling others"
	groupReceiver = "Being told: pushes from forges"
	groupWatch    = "Being watched: HTTP and logs"
	groupGit      = "git itself"
	groupHelp     = "Help"
)
