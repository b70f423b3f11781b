package store

import (
	"os"
	"path/filepath"
	"testing"
)

// What cannot be read is not absent: what is checked out in worktrees that cannot be listed is no garbage.
func TestUnreadableIsNoGarbage(t *testing.T) {
	dir := t.TempDir()
	st := At(dir, &Options{Root: dir})
	if err := os.Mkdir(st.Path("refs"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, _, err := st.toKeep(); err != nil {
		t.Errorf("a store without worktrees: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "worktrees"), nil, 0o666); err != nil { // no list can be had of a file
		t.Fatal(err)
	}
	if _, _, err := st.toKeep(); err == nil {
		t.Error("worktrees that cannot be listed count as none")
	}
}
