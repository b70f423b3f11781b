package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// commandLine is what the arguments hold.
type commandLine struct {
	// values of each flag, by its long name, in the order given.
	values map[string][]string
	// ignored are the glog flags that were given.
	ignored []string
	problemList
}

// rawValue is a pflag.Value that keeps every text as it was given: flags, variables and files are read by the same
// parsers, later.
type rawValue struct {
	texts []string
	glog  bool
}

func (v *rawValue) String() string     { return strings.Join(v.texts, ",") }
func (v *rawValue) Type() string       { return "text" }
func (v *rawValue) Set(s string) error { v.texts = append(v.texts, s); return nil }

// newFlagSet defines all flags of the table, and those of glog.
func newFlagSet(rows []option) *pflag.FlagSet {
	set := pflag.NewFlagSet("git-sync", pflag.ContinueOnError)
	set.SortFlags = false
	for _, o := range rows {
		for _, s := range o.flags {
			letter := ""
			if o.short != "" {
				letter = o.short[:1]
			}
			f := set.VarPF(&rawValue{}, s.name, letter, o.text)
			if o.kind == isBool {
				f.NoOptDefVal = "true"
			}
		}
	}
	for name, takesValue := range glogFlags() {
		for _, spelled := range uniq([]string{name, strings.ReplaceAll(name, "_", "-")}) {
			f := set.VarPF(&rawValue{glog: true}, spelled, "", "ignored")
			if !takesValue {
				f.NoOptDefVal = "true"
			}
		}
	}
	return set
}

// glogFlags are those of glog and klog, which v3 had because a library brought them: all are accepted and do nothing.
// The value says whether the flag takes one. (-v is ours.)
func glogFlags() map[string]bool {
	return map[string]bool{
		"add_dir_header": false, "alsologtostderr": false, "logtostderr": false, "one_output": false,
		"skip_headers": false, "skip_log_headers": false, "legacy_stderr_threshold_behavior": false,
		"alsologtostderrthreshold": true, "log_backtrace_at": true, "log_dir": true, "log_file": true,
		"log_file_max_size": true, "log_flush_frequency": true, "log_link": true, "logbuflevel": true, "logbufsecs": true,
		"stderrthreshold": true, "vmodule": true,
	}
}

// readFlags reads all arguments, the program's name not among them.
func readFlags(rows []option, args []string) *commandLine {
	set := newFlagSet(rows)
	l := &commandLine{values: map[string][]string{}}
	err := set.Parse(l.normalize(set, args))
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		name := "--" + missing.GetSpecifiedName()
		l.problem(name, "needs a value", "write "+name+"=VALUE")
	} else if err != nil {
		l.problem("", err.Error(), "")
	}
	set.Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*rawValue); ok && v.glog {
			l.ignored = append(l.ignored, "--"+f.Name)
		} else if ok {
			l.values[f.Name] = v.texts
		}
	})
	l.operands(set.Args())
	return l
}

// normalize makes two dashes of the one before a long name that is known, and takes out what is not known, so that all of
// it is reported at once. It leaves values and what follows "--" alone.
func (l *commandLine) normalize(set *pflag.FlagSet, args []string) []string {
	var out []string
	for len(args) > 0 && args[0] != "--" {
		arg := args[0]
		args = args[1:]
		name, _, attached := strings.Cut(arg, "=")
		f := findFlag(set, name)
		level, hasLevel := strings.CutPrefix(arg, "-v")
		switch {
		case !strings.HasPrefix(arg, "-"), arg == "-", hasLevel && isNumber(level): // -v6 is pflag's own
			out = append(out, arg)
		case f == nil:
			l.unknown(set, name)
			if !attached && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
				args = args[1:] // its value, most likely: one problem is enough
			}
		case !attached && f.Shorthand == "v" && (len(args) == 0 || !isNumber(args[0])):
			out = append(out, "--"+f.Name+"=1")
		default:
			out = append(out, "--"+f.Name+arg[len(name):])
			if !attached && f.NoOptDefVal == "" && len(args) > 0 {
				out = append(out, args[0])
				args = args[1:]
			}
		}
	}
	return append(out, args...)
}

// findFlag is the flag that name (with its dashes) stands for, nil if none.
func findFlag(set *pflag.FlagSet, name string) *pflag.Flag {
	bare := strings.TrimPrefix(strings.TrimPrefix(name, "-"), "-")
	switch {
	case bare == "?":
		return set.Lookup("help")
	case len(bare) == 1:
		return set.ShorthandLookup(bare)
	}
	return set.Lookup(bare)
}

func (l *commandLine) unknown(set *pflag.FlagSet, name string) {
	var known []string
	set.VisitAll(func(f *pflag.Flag) {
		if v, ok := f.Value.(*rawValue); ok && !v.glog {
			known = append(known, f.Name)
		}
	})
	slices.Sort(known)
	hint := "see --help for all options"
	if near := nearest(strings.TrimLeft(name, "-"), known); near != "" {
		hint = "did you mean --" + near + "?"
	}
	l.problem(printable(name), "unknown flag", hint)
}

// operands refuses what is no flag: git-sync has no arguments, and one that stands behind a boolean flag was meant as
// its value. It is shown only when it cannot be a secret gone astray.
func (l *commandLine) operands(args []string) {
	for _, arg := range args {
		hint := "values are written with their flag, as in --repo=URL"
		shown := "an argument"
		if _, err := strconv.ParseBool(arg); err == nil {
			shown = strconv.Quote(arg)
			hint = "the value of a flag that can stand alone is written with =, as in --one-time=" + arg
		}
		l.problem("", "unexpected: "+shown+" that is no flag and belongs to none", hint)
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 0, 0)
	return err == nil
}
