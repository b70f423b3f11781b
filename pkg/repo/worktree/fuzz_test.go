package worktree

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzModules(f *testing.F) {
	f.Add("submodule.a.path\nb\x00submodule.a.url\nc\x00")
	f.Fuzz(func(t *testing.T, modules string) {
		specs := parseModules(modules)
		for at, spec := range specs {
			if at != spec.path || !filepath.IsLocal(at) || strings.HasPrefix(at, "-") || spec.url == "" {
				t.Errorf("%q: %+v", at, spec)
			}
		}
		_, _ = moduleURL("https://example.com/a/b.git", modules)
	})
}
