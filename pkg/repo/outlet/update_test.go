package outlet

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"git-sync/pkg/repo/internal/disk"
)

// begun is an update from what old says is in dir, all of whose copies are made but none is in place.
func begun(t *testing.T, dir, tree string, old *manifest) *update {
	t.Helper()
	u := &update{dir: dir, tree: Tree{Dir: tree}, shared: true, old: old, next: &manifest{header: header{Boot: disk.BootID()}}}
	var err error
	if u.root, err = os.OpenRoot(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.root.Close() })
	u.ours, u.thisBoot, u.tempName = old.byPath(), old.Boot == disk.BootID(), tempDir+disk.Unique()
	if err := u.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return u
}

// put writes a file, and the directories that it needs.
func put(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("theirs"), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestAppearedMeanwhile: a consumer makes files while an update in place copies. They stay, and the update fails.
func TestAppearedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct{ had, want, theirs string }{
		"a file":                             {"a", "notes", "notes"},
		"a file in a new directory":          {"a", "cache/a", "cache/theirs"},
		"a file in a directory that is gone": {"d/a", "d", "d/theirs"},
		"a directory that was a file, and is one in the new tree": {"d", "d/a", "d/theirs"},
	} {
		t.Run(name, func(t *testing.T) {
			before, after, dir := t.TempDir(), t.TempDir(), t.TempDir()
			put(t, filepath.Join(before, c.had))
			put(t, filepath.Join(after, c.want))
			first := begun(t, dir, before, &manifest{})
			if err := first.placeAll(); err != nil {
				t.Fatal(err)
			}
			second := begun(t, dir, after, first.next)
			theirs := filepath.Join(dir, c.theirs)
			if filepath.Dir(c.theirs) == c.had {
				if err := os.Remove(filepath.Join(dir, c.had)); err != nil {
					t.Fatal(err)
				}
			}
			put(t, theirs)
			if err := second.placeAll(); err == nil {
				t.Error("the update did not notice it")
			}
			if data, err := os.ReadFile(theirs); string(data) != "theirs" {
				t.Errorf("%s was changed: %q, %v", c.theirs, data, err)
			}
		})
	}
}

// TestTemporaryDirectory: another user of the group can remove what a killed update leaves.
func TestTemporaryDirectory(t *testing.T) {
	tree := t.TempDir()
	put(t, filepath.Join(tree, "a"))
	u := begun(t, t.TempDir(), tree, &manifest{})
	if info, err := u.root.Stat(u.tempName); err != nil || info.Mode().Perm() != 0o770 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestRoundedTimes: a copy has the time that its own file system can record, not that of the worktree. It counts as unchanged
// nevertheless.
func TestRoundedTimes(t *testing.T) {
	tree, dir := t.TempDir(), t.TempDir()
	put(t, filepath.Join(tree, "a"))
	u := begun(t, dir, tree, &manifest{})
	u.next.entries[0].Source.Mtime++ // as if that of the copy were rounded down
	if err := errors.Join(u.placeAll(), u.next.changed(t.Context(), dir)); err != nil {
		t.Error(err)
	}
}

// TestInterruptedThenDeleted: an update that changed the types of files is killed when all is in place, and the next tree has
// none of them.
func TestInterruptedThenDeleted(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	manifestFile, journal := filepath.Join(state, manifestName), filepath.Join(state, journalName)
	update := func(files, links map[string]string) *manifest {
		t.Helper()
		tree := t.TempDir()
		for name, content := range files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(tree, name), []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for name, target := range links {
			if err := os.Symlink(target, filepath.Join(tree, name)); err != nil {
				t.Fatal(err)
			}
		}
		old, err := readUpdated(manifestFile, journal)
		if err != nil {
			t.Fatal(err)
		}
		u := &update{dir: dir, tree: Tree{Dir: tree}, old: old, journal: journal, next: &manifest{header: header{Boot: disk.BootID()}}}
		if err := u.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return u.next
	}
	first := update(map[string]string{"a": "1", "gone/x": "1"}, map[string]string{"ln": "a"})
	if err := errors.Join(first.write(manifestFile), os.Remove(journal)); err != nil {
		t.Fatal(err)
	}
	update(map[string]string{"a": "2", "ln/file": "2"}, map[string]string{"gone": "a"}) // its manifest is never written
	update(map[string]string{"a": "3"}, nil)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "a" {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestCoarseTimes: where a file system records whole seconds, a file that was written twice in one second looks unchanged. So
// its content is compared.
func TestCoarseTimes(t *testing.T) {
	tree := t.TempDir()
	name := filepath.Join(tree, "a")
	if err := os.WriteFile(name, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Duration]bool{1500 * time.Millisecond: true, 2 * time.Second: false} {
		source := state{Ino: 7, Size: 3, Mtime: int64(at), Ctime: int64(at)}
		old := entry{Path: "a", Mode: info.Mode(), Source: source, Copied: stateOf(info), Sum: "that of other content"}
		u := &update{tree: Tree{Dir: tree, Index: filepath.Join(t.TempDir(), "index"), HashSize: 20}, thisBoot: true, next: &manifest{}}
		if got := u.same(info, old, &entry{Path: "a", Mode: info.Mode(), Source: source}); got != want {
			t.Errorf("at %v: taken for unchanged: %v", at, got)
		}
		// An index with that file (gitformat-index(5)); the file itself is another one.
		index := []byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x01")
		sec, nsec := uint32(at/time.Second), uint32(at%time.Second)
		for _, n := range []uint32{sec, nsec, sec, nsec, 0, 7, 0o100644, 0, 0, 3} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		index = append(index, make([]byte, 20)...)
		index = append(index, "\x00\x01a\x00"...)
		if err := os.WriteFile(u.tree.Index, append(index, make([]byte, 20)...), 0o666); err != nil {
			t.Fatal(err)
		}
		u.old = &manifest{entries: []entry{old}}
		u.ours = u.old.byPath()
		if err := u.listIndex(); (err == nil) != want || err != nil && !errors.Is(err, ErrTouched) {
			t.Errorf("at %v: listing the index: %v", at, err)
		}
	}
}
