package config

import (
	"slices"
	"strconv"
	"strings"
)

// scanned is what a command line holds.
type scanned struct {
	// values of each flag, by its long name, in the order given.
	values map[string][]string
	// ignored are the glog flags that were given, as written without their values.
	ignored  []string
	problems []Problem
}

// scanner reads a command line. The rules: one dash or two make no difference for an exactly known long name; what
// follows a flag that takes a value is that value, however it looks; after "--" nothing is a flag.
type scanner struct {
	kinds map[string]kind   // by long name
	short map[string]string // one letter to long name
	glog  map[string]bool   // name (with underscores) to whether it takes a value
	out   scanned
}

func newScanner(rows []option) *scanner {
	s := &scanner{kinds: map[string]kind{}, short: map[string]string{}, glog: glogFlags()}
	s.out.values = map[string][]string{}
	for _, o := range rows {
		for _, f := range o.flags {
			s.kinds[f.name] = o.kind
		}
		for _, letter := range o.short {
			s.short[string(letter)] = o.id()
		}
	}
	return s
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

// scan reads all arguments, the program's name not among them.
func (s *scanner) scan(args []string) *scanned {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			s.operands(args)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			s.operands([]string{arg})
			continue
		}
		args = s.flag(arg, args)
	}
	return &s.out
}

// flag reads one flag and, if it takes a value that is not part of it, the argument behind it. It returns the rest.
func (s *scanner) flag(arg string, rest []string) []string {
	name, value, attached := strings.Cut(arg, "=")
	bare := strings.TrimPrefix(strings.TrimPrefix(name, "-"), "-")
	if takes, ok := s.glog[strings.ReplaceAll(bare, "-", "_")]; ok {
		s.out.ignored = append(s.out.ignored, name)
		if takes && !attached && len(rest) > 0 {
			return rest[1:]
		}
		return rest
	}
	long, ok := s.long(name, bare)
	if !ok && !strings.HasPrefix(name, "--") && len(name) > 2 && s.kinds[s.short[name[1:2]]] == isCount && isNumber(arg[2:]) {
		long, value, attached, ok = s.short[name[1:2]], arg[2:], true, true // -v6
	}
	if !ok {
		s.unknown(name, bare)
		if !attached && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			return rest[1:] // its value, most likely: one problem is enough
		}
		return rest
	}
	switch kind := s.kinds[long]; {
	case attached:
		s.take(long, value)
	case kind == isBool:
		s.take(long, "true")
	case kind == isCount && (len(rest) == 0 || !isNumber(rest[0])):
		s.take(long, "1")
	case len(rest) == 0:
		s.problem(name, "needs a value", "write "+"--"+long+"=VALUE")
	default:
		s.take(long, rest[0])
		return rest[1:]
	}
	return rest
}

// long is the long name that a flag is written with or stands for.
func (s *scanner) long(name, bare string) (string, bool) {
	if _, known := s.kinds[bare]; known {
		return bare, true
	}
	if long, known := s.short[bare]; known && (name == "-"+bare || s.kinds[long] == isCount) {
		return long, true
	}
	return "", false
}

func (s *scanner) take(long, value string) {
	s.out.values[long] = append(s.out.values[long], value)
}

func (s *scanner) problem(name, text, hint string) {
	s.out.problems = append(s.out.problems, Problem{Name: name, Text: text, Hint: hint})
}

func (s *scanner) unknown(name, bare string) {
	hint := "see --help for all options"
	known := make([]string, 0, len(s.kinds))
	for long := range s.kinds {
		known = append(known, long)
	}
	slices.Sort(known)
	if near := nearest(bare, known); near != "" {
		hint = "did you mean --" + near + "?"
	}
	s.problem(printable(name), "unknown flag", hint)
}

// operands refuses what is no flag: git-sync has no arguments, and one that stands behind a boolean flag was meant as
// its value. It is shown only when it cannot be a secret gone astray.
func (s *scanner) operands(args []string) {
	for _, arg := range args {
		hint := "values are written with their flag, as in --repo=URL"
		shown := "an argument"
		if _, err := strconv.ParseBool(arg); err == nil {
			shown = strconv.Quote(arg)
			hint = "the value of a flag that can stand alone is written with =, as in --one-time=" + arg
		}
		s.problem("", "unexpected: "+shown+" that is no flag and belongs to none", hint)
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 0, 0)
	return err == nil
}
