package remote

import (
	"slices"
	"strings"
	"testing"
)

func TestHighest(t *testing.T) {
	tags := strings.Fields("v1.2.0 v1.10.0 v1.9.9 v2.0.0-rc.1 v2.0.0 v3.0.0-alpha nightly latest 1.10.0 v2.0.0+build.5 release-1 v0.1")
	for _, test := range []struct{ pattern, within, want string }{
		{"v*", "", "v2.0.0+build.5"}, // equal versions by name
		{"v1.*", "", "v1.10.0"},
		{"v3*-*", "", "v3.0.0-alpha"}, // a dash asks for prereleases
		{"v3*", "", ""},
		{"", ">=1.2 <2", "v1.10.0"},
		{"1.*", ">=1.2 <2", "1.10.0"},
		{"", ">=2.0.0-0", "v3.0.0-alpha"},
		{"", "~1.9", "v1.9.9"},
		{"", ">9", ""},
		{"[nl]*", "", "nightly"},
		{"*", "", "v2.0.0+build.5"},
		{"v?.1", "", "v0.1"},
	} {
		for range 3 {
			got, err := highest(tags, test.pattern, test.within)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("pattern %q, range %q: %q, %v; want %q", test.pattern, test.within, got, err, test.want)
			}
			slices.Reverse(tags)
		}
	}
}

func FuzzHighest(f *testing.F) {
	f.Add("v1.0.0 v2 x", "v*", ">=1")
	f.Fuzz(func(t *testing.T, list, pattern, within string) {
		tags := strings.Fields(list)
		got, err := highest(tags, pattern, within)
		slices.Reverse(tags)
		again, _ := highest(tags, pattern, within)
		if got != again || err == nil && !slices.Contains(tags, got) {
			t.Errorf("%q, then %q", got, again)
		}
	})
}
