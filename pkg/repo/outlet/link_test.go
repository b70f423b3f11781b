package outlet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHealLeavesOthers: several syncs may publish in one directory. What an interrupted publication of one has left is
// removed by that one alone.
func TestHealLeavesOthers(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	links := filepath.Join(top, "links")
	if err := os.Mkdir(links, 0o777); err != nil {
		t.Fatal(err)
	}
	target := "../root/rev-" + strings.Repeat("a", 40)
	own := Link{Place{Root: filepath.Join(top, "root"), Name: filepath.Join(links, "link")}}
	for _, l := range []Link{own, {Place{Root: own.Root, Name: filepath.Join(links, "other")}}} {
		if err := os.Symlink(target, l.temporaryLink()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(target, filepath.Join(links, tempLink+"mine")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(own.Root, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := own.Heal(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(links)
	if err != nil || len(left) != 2 {
		t.Errorf("Heal leaves %v, %v, want the links of others", left, err)
	}
	if _, err := os.Lstat(own.temporaryLink()); err == nil {
		t.Error("Heal leaves its own link")
	}
}
