package worktree

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzModules(f *testing.F) {
	f.Add("submodule.a.path\nb\x00submodule.a.url\nc\x00", "H 160000 "+strings.Repeat("1", 40)+" 0\tb\x00")
	f.Fuzz(func(t *testing.T, modules, links string) {
		specs := parseModules(modules)
		for at, spec := range specs {
			if at != spec.path || !filepath.IsLocal(at) || strings.HasPrefix(at, "-") || spec.url == "" {
				t.Errorf("%q: %+v", at, spec)
			}
		}
		if found := gitlinks(links, specs); len(found) > strings.Count(links, "\x00")+1 {
			t.Error("more submodules than entries")
		}
		_, _ = moduleURL("https://example.com/a/b.git", modules)
	})
}
