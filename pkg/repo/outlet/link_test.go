package outlet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHealLeavesOthers: several syncs may publish in one directory, also one
// whose root is within another's.
func TestHealLeavesOthers(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("a", 40)
	l := Link{Place{Root: filepath.Join(top, "root"), Name: filepath.Join(top, "links", "link")}}
	for name, target := range map[string]string{
		"own":    "../root/rev-" + hash,
		"own-v4": filepath.Join(l.Root, ".worktrees", hash),
		"other":  "../other/rev-" + hash,
		"within": "../root/within/rev-" + hash,
		"file":   "",
	} {
		path := filepath.Join(top, "links", tempLink+name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		var err error
		if target == "" {
			err = os.WriteFile(path, nil, 0o666)
		} else {
			err = os.Symlink(target, path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Heal(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(top, "links", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range left {
		names = append(names, strings.TrimPrefix(filepath.Base(name), tempLink))
	}
	if got := strings.Join(names, " "); got != "file other within" {
		t.Errorf("Heal leaves %q, want the links to trees of other roots and the file", got)
	}
}
