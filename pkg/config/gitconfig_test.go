package config

import (
	"slices"
	"strings"
	"testing"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
)

func TestParseGitConfig(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []git.KV
	}{
		{"", nil},
		{"  ", nil},
		{"core.x:1", pairs("core.x", "1")},
		{"core.x:", pairs("core.x", "")},
		{"core.x:1,core.y:2", pairs("core.x", "1", "core.y", "2")},
		{" core.x:1 , core.y:2", pairs("core.x", "1 ", "core.y", "2")},
		{"core.x:1,", pairs("core.x", "1")},
		{`"core.x":"1","core.y":"2"`, pairs("core.x", "1", "core.y", "2")},
		{`core.x:a:b`, pairs("core.x", "a:b")},
		{`core.x:a\,b,core.y:c`, pairs("core.x", "a,b", "core.y", "c")},
		{`core.x:"a,b",core.y:c`, pairs("core.x", "a,b", "core.y", "c")},
		{`core.x:"a\,b\n\t\"\\"`, pairs("core.x", "a,b\n\t\"\\")},
		{`core.x:a\n\t\"\\\,`, pairs("core.x", "a\n\t\"\\,")},
		{`"http.https://example.com/.extraHeader":"X: y"`, pairs("http.https://example.com/.extraHeader", "X: y")},
		{`"url.git@example.com:.insteadOf":https://example.com/`, pairs("url.git@example.com:.insteadOf", "https://example.com/")},
		{`core.x:a"b"`, pairs("core.x", `a"b"`)},
		{"core.x:\u00e9", pairs("core.x", "é")},
	} {
		got, err := parseGitConfig(c.in)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	const bad = `the value of "core.x" has an open quote, an unknown escape or a NUL byte`
	for _, c := range []struct{ in, want string }{
		{"core.x", "a key without a value"},
		{"core.x,core.y:1", "a key without a value"},
		{":1", `"" is not the name of a git setting`},
		{"core:1", `"core" is not the name of a git setting`},
		{"core.:1", `"core." is not the name of a git setting`},
		{"core.1x:1", `"core.1x" is not the name of a git setting`},
		{"http.https://example.com/.extraHeader:hunter2", "the key has a URL in it, which ends at its colon"},
		{`core.x:"hunter2`, bad},
		{`core.x:"hunter2"more`, `after the value of "core.x" a comma is missing`},
		{`core.x:hunter2\x`, bad},
		{`core.x:hunter2\`, bad},
		{`"core.x`, "a key with an open quote, an unknown escape or a NUL byte"},
		{"core.x:hunter2\x00", bad},
		{",core.x:1", "a key without a value"},
	} {
		got, err := parseGitConfig(c.in)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %q, %v; want %s", c.in, got, err, c.want)
		}
		if err != nil && strings.Contains(err.Error()+advice.Hint(err), "hunter2") {
			t.Errorf("%s: the error repeats the value: %v", c.in, err)
		}
	}
}

func TestParseGitSetting(t *testing.T) {
	for in, want := range map[string]git.KV{
		"core.x:a,b":         {Key: "core.x", Value: "a,b"},
		`core.x:a\,b\n`:      {Key: "core.x", Value: "a,b\n"},
		`"core.x" :1`:        {},
		`"core.x":"1"`:       {Key: "core.x", Value: "1"},
		`core.x:"1",core.y:`: {},
		"core.x":             {},
		"core.x:":            {Key: "core.x", Value: ""},
	} {
		got, err := parseGitSetting(in)
		if (err != nil) != (want == git.KV{}) || err == nil && got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestGitConfigOrder(t *testing.T) {
	c, _ := parse(t, []string{"--git-config-add=core.b:2", "--git-config-add", "core.c:3,4", "--repo=/r"}, "GIT_SYNC_GIT_CONFIG=core.a:1", "GITSYNC_GIT_CONFIG=core.a:1")
	if want := pairs("core.a", "1", "core.b", "2", "core.c", "3,4"); !slices.Equal(c.Config, want) {
		t.Errorf("%v, want %v", c.Config, want)
	}
}

func FuzzGitConfig(f *testing.F) {
	for _, s := range []string{`core.x:1,"a.b":"c\n"`, `a.b:\,`, `"`, `a.b:"c" , d.e:f`} {
		f.Add(s)
	}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, ",", `\,`)
	f.Fuzz(func(t *testing.T, s string) {
		list, err := parseGitConfig(s)
		if err != nil {
			return
		}
		// Written anew, in quotes, it means the same.
		var parts []string
		for _, kv := range list {
			parts = append(parts, `"`+escape.Replace(kv.Key)+`":"`+escape.Replace(kv.Value)+`"`)
			if strings.ContainsAny(kv.Key+kv.Value, "\x00") || strings.Contains(kv.Key, "\n") {
				t.Fatalf("%q: git could not take %q", s, kv)
			}
		}
		again, err := parseGitConfig(strings.Join(parts, ","))
		if err != nil || !slices.Equal(list, again) {
			t.Fatalf("%q: %q, written anew %q: %v", s, list, again, err)
		}
		// A list of one is also a setting by itself.
		if len(list) == 1 && !strings.HasSuffix(strings.TrimRight(s, " \t\n"), ",") {
			if one, err := parseGitSetting(parts[0]); err != nil || one != list[0] {
				t.Fatalf("%q: %q, %v", s, one, err)
			}
		}
	})
}

// pairs are settings, given as keys and values in turn.
func pairs(texts ...string) []git.KV {
	var all []git.KV
	for i := 0; i < len(texts); i += 2 {
		all = append(all, git.KV{Key: texts[i], Value: texts[i+1]})
	}
	return all
}
