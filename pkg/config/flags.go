package config

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// commandLine is the parsed command line.
type commandLine struct {
	// values of each flag, by its long name, in the order of the command line.
	values map[string][]string
	// ignored are the glog flags on the command line.
	ignored []string
	findings
}

// newFlagSet defines all flags of the table, and hidden ones for those of glog. Each flag keeps its values as
// strings: the values of flags, variables and files are parsed later, by the same code.
func newFlagSet(rows []option) *pflag.FlagSet {
	set := pflag.NewFlagSet("git-sync", pflag.ContinueOnError)
	define := func(name, letter string, takesValue bool) *pflag.Flag {
		set.StringArrayP(name, letter, nil, "")
		f := set.Lookup(name)
		if !takesValue {
			f.NoOptDefVal = "true"
		}
		return f
	}
	for _, o := range rows {
		for _, s := range o.flags {
			define(s.name, o.short[:min(1, len(o.short))], o.kind != isBool)
		}
	}
	for name, takesValue := range glogFlags() {
		for _, spelled := range uniq([]string{name, strings.ReplaceAll(name, "_", "-")}) {
			define(spelled, "", takesValue).Hidden = true
		}
	}
	return set
}

// glogFlags returns the flags of glog and klog, which v3 had because of a library. All are accepted and have no
// effect. The value says whether the flag takes a value. (-v is ours.)
func glogFlags() map[string]bool {
	return map[string]bool{
		"add_dir_header": false, "alsologtostderr": false, "logtostderr": false, "one_output": false,
		"skip_headers": false, "skip_log_headers": false, "legacy_stderr_threshold_behavior": false,
		"alsologtostderrthreshold": true, "log_backtrace_at": true, "log_dir": true, "log_file": true,
		"log_file_max_size": true, "log_flush_frequency": true, "log_link": true, "logbuflevel": true, "logbufsecs": true,
		"stderrthreshold": true, "vmodule": true,
	}
}

// readFlags parses the arguments, without the program's name.
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
		if texts, ok := f.Value.(pflag.SliceValue); ok && !f.Hidden {
			l.values[f.Name] = texts.GetSlice()
		} else {
			l.ignored = append(l.ignored, "--"+f.Name)
		}
	})
	l.operands(set.Args())
	return l
}

// normalize changes the single dash of a known long name to two dashes. It removes unknown flags, so that all of them
// are reported together. It does not change values, nor anything after "--".
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
				args = args[1:] // probably its value: one problem is enough
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

// findFlag returns the flag called name (with its dashes); nil if there is none.
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
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	bare := strings.TrimLeft(name, "-")
	l.mistyped = append(l.mistyped, nearest(bare, known))
	l.problem(printable(name), "unknown flag", didYouMean(bare, "--", known, "see --help for all options"))
}

// operands reports arguments that are not flags. One that follows a boolean flag was probably meant as its value. An
// argument is shown only if it cannot be a secret.
func (l *commandLine) operands(args []string) {
	for _, arg := range args {
		hint := "write the value with its flag, as in --repo=URL" + seeHelp
		shown := "an argument"
		if _, err := strconv.ParseBool(arg); err == nil {
			shown = strconv.Quote(arg)
			hint = "write the value of a boolean flag after an equals sign, as in --one-time=" + arg
		}
		l.problem("", shown+" does not belong to a flag", hint)
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 0, 0)
	return err == nil
}
