package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	type values map[string][]string
	for _, c := range []struct {
		args string
		want values
	}{
		{"", values{}},
		{"-repo=X", values{"repo": {"X"}}},
		{"-repo X", values{"repo": {"X"}}},
		{"--repo X", values{"repo": {"X"}}},
		{"--repo=X", values{"repo": {"X"}}},
		{"--repo=", values{"repo": {""}}},
		{"--repo=a=b", values{"repo": {"a=b"}}},
		{"--repo=X -repo=Y", values{"repo": {"X", "Y"}}},
		// What follows a flag that takes a value is the value.
		{"-repo -branch", values{"repo": {"-branch"}}},
		{"-repo -- -branch X", values{"repo": {"--"}, "branch": {"X"}}},
		{"--password -one-time", values{"password": {"-one-time"}}},
		// Those that can stand alone take none but behind =.
		{"-one-time -ssh", values{"one-time": {"true"}, "ssh": {"true"}}},
		{"-one-time=false --ssh=0", values{"one-time": {"false"}, "ssh": {"0"}}},
		// Short ones.
		{"-v", values{"verbose": {"1"}}},
		{"-v=6", values{"verbose": {"6"}}},
		{"-v 6", values{"verbose": {"6"}}},
		{"-v6", values{"verbose": {"6"}}},
		{"--v=6", values{"verbose": {"6"}}},
		{"--v 6", values{"verbose": {"6"}}},
		{"-verbose=6", values{"verbose": {"6"}}},
		{"--verbose 6", values{"verbose": {"6"}}},
		{"-v -one-time", values{"verbose": {"1"}, "one-time": {"true"}}},
		{"-v -repo X", values{"verbose": {"1"}, "repo": {"X"}}},
		{"-v=x", values{"verbose": {"x"}}},
		{"-h", values{"help": {"true"}}},
		{"--h", values{"help": {"true"}}},
		{"-?", values{"help": {"true"}}},
		{"-help", values{"help": {"true"}}},
		{"-version", values{"version": {"true"}}},
		{"-man", values{"man": {"true"}}},
	} {
		got := readFlags(table(new(draft)), strings.Fields(c.args))
		if len(got.problems) > 0 || !maps.EqualFunc(got.values, c.want, slices.Equal) {
			t.Errorf("%q: %v, %v; want %v", c.args, got.values, got.problems, c.want)
		}
	}
}

func TestFlagsProblems(t *testing.T) {
	for _, c := range []struct{ args, want, hint string }{
		{"--rep=X", "--rep: unknown flag", "did you mean --repo?"},
		{"-repoo X", "-repoo: unknown flag", "did you mean --repo?"},
		{"--one_time", "--one_time: unknown flag", "did you mean --one-time?"},
		{"--xyzzy-frobnicate", "--xyzzy-frobnicate: unknown flag", "see --help for all options"},
		{"-h6", "-h6: unknown flag", ""},
		{"-verbos=3", "-verbos: unknown flag", "did you mean --verbose?"},
		{"-vv", "-vv: unknown flag", ""},
		{"---repo=X", "---repo: unknown flag", ""},
		{"-=X", "-: unknown flag", ""},
		{"--=X", "--: unknown flag", ""},
		{"--repo", "--repo: needs a value", "write --repo=VALUE"},
		{"-repo", "--repo: needs a value", "write --repo=VALUE"},
		{"--one-time true", `"true" does not belong to a flag`, "write the value of a boolean flag after an equals sign, as in --one-time=true"},
		{"hunter2", "an argument does not belong to a flag", "write the value with its flag, as in --repo=URL; see git-sync --help"},
		{"-", "an argument does not belong to a flag", ""},
		{"-- --repo=X", "an argument does not belong to a flag", ""},
		{"-- -h", "an argument does not belong to a flag", ""},
	} {
		got := readFlags(table(new(draft)), strings.Fields(c.args)).problems
		if len(got) != 1 || got[0].String() != c.want || c.hint != "" && got[0].Hint != c.hint {
			t.Errorf("%q: %q, want %q (%s)", c.args, got, c.want, c.hint)
		}
	}
	if got := readFlags(table(new(draft)), []string{"--a\x1bb"}).problems; len(got) != 1 || strings.Contains(got[0].String(), "\x1b") {
		t.Errorf("a control character is printed: %q", got)
	}
}

// The logging flags of v3 do nothing, whichever way they are written, and cause one notice.
func TestGlogFlags(t *testing.T) {
	args := "-logtostderr -alsologtostderr=true -stderrthreshold=2 -stderrthreshold INFO -vmodule main=3 -log_dir /tmp -log-dir=/tmp " +
		"-log_backtrace_at main.go:1 -add_dir_header -skip_headers --skip-log-headers --log_file=x --log_file_max_size 3 -one_output -v=4 --repo=X"
	got := readFlags(table(new(draft)), strings.Fields(args))
	if len(got.problems) != 0 || len(got.values) != 2 || len(got.ignored) != 13 {
		t.Errorf("%+v", got)
	}
	_, warnings := parse(t, strings.Fields(args))
	if len(warnings) != 1 || !strings.Contains(warnings[0].Args[1].(string), "-vmodule") {
		t.Errorf("warnings: %v", warnings)
	}
}

func FuzzFlags(f *testing.F) {
	f.Add("-repo=X\x00-one-time\x00-v\x006")
	f.Add("-repo\x00-branch\x00--\x00-h")
	f.Add("-v=\x00---\x00-\x00--=\x00-vmodule")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		got := readFlags(table(new(draft)), args)

		// Nothing is made up: each value is an argument, the end of one, or what stands for "given".
		for _, values := range got.values {
			for _, v := range values {
				if v != "true" && v != "1" && !slices.ContainsFunc(args, func(a string) bool { return strings.HasSuffix(a, v) }) {
					t.Fatalf("%q: where does %q come from?", args, v)
				}
			}
		}
		// A value stays what it is, however it looks and whatever is before and after it.
		for _, arg := range args {
			for _, form := range [][]string{{"-repo", arg}, {"--repo", arg}, {"-repo=" + arg}, {"--repo=" + arg}} {
				if v := readFlags(table(new(draft)), append(form, "-one-time")).values["repo"]; !slices.Equal(v, []string{arg}) {
					t.Fatalf("%q is read as %q", form, v)
				}
			}
		}
		// Behind -- nothing is a flag.
		if behind := readFlags(table(new(draft)), append([]string{"--"}, args...)); len(behind.values) != 0 || len(behind.problems) == 0 {
			t.Fatalf("behind --: %v", behind)
		}
		// One dash or two are the same, for all that is known by its long name.
		if single := readFlags(table(new(draft)), singleDashes(args)); !reflect.DeepEqual(single.values, got.values) {
			t.Fatalf("%q: %v, with single dashes %v", args, got.values, single.values)
		}
	})
}

// singleDashes are the arguments with one dash before known long names, wherever they stand alone: it leaves all from
// the first flag with a separate value on as it is, so that it needs to know nothing of values.
func singleDashes(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		name, _, attached := strings.Cut(a, "=")
		if !attached || !strings.HasPrefix(name, "--") {
			return out
		}
		for _, o := range table(new(draft)) {
			if slices.ContainsFunc(o.flags, func(f spelling) bool { return "--"+f.name == name }) {
				out[i] = a[1:]
			}
		}
	}
	return out
}
