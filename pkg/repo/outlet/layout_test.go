package outlet

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Links may have been made by anybody: only one that is named as links to trees are is taken for ours.
func FuzzTarget(f *testing.F) {
	sha1, sha256 := strings.Repeat("1", 40), strings.Repeat("a", 64)
	f.Add("rev-" + sha1)
	f.Add("../git/.worktrees/" + sha256 + ".2")
	f.Add(".worktrees/" + sha1 + ".")
	f.Add("rev-" + sha256 + ".2.3")
	f.Add("/rev-" + sha1[1:])
	f.Add(sha1) // a bare hash is ours below our root alone: TestBareHashes of package repo
	shape := regexp.MustCompile(`(?s)^(?:.*/)?(rev-|\.worktrees/)([0-9a-f]{64}|[0-9a-f]{40})(\.[0-9]+)?$`)
	f.Fuzz(func(t *testing.T, target string) {
		want := shape.MatchString(filepath.Clean(target))
		if got := isTarget(target); got != want {
			t.Errorf("%q: %v, want %v", target, got, want)
		}
		if leaf := filepath.Base(target); want && !LayoutRev.Names(leaf) && !LayoutWorktrees.Names(worktreesDir+"/"+leaf) {
			t.Errorf("%q is of no layout", target)
		}
	})
}
