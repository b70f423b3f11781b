package outlet

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"git-sync/pkg/repo/internal/disk"
)

// TestAppearedMeanwhile: a consumer makes files while an update in place copies. They stay, the update fails, and the next one
// begins with them.
func TestAppearedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct{ had, want, theirs string }{
		"a file":                             {"a", "notes", "notes"},
		"a file in a new directory":          {"a", "cache/a", "cache/theirs"},
		"a file in a directory that is gone": {"d/a", "d", "d/theirs"},
	} {
		t.Run(name, func(t *testing.T) {
			put := func(parts ...string) {
				t.Helper()
				file := filepath.Join(parts...)
				if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte("theirs"), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			before, after, dir := t.TempDir(), t.TempDir(), t.TempDir()
			put(before, c.had)
			put(after, c.want)
			update := func(tree string, old *manifest, meanwhile func()) (*manifest, error) {
				u := &update{dir: dir, tree: Tree{Dir: tree}, old: old, next: &manifest{header: header{Boot: disk.BootID()}}}
				var err error
				if u.root, err = os.OpenRoot(dir); err != nil {
					t.Fatal(err)
				}
				defer u.root.Close()
				u.ours, u.thisBoot, u.tempName = old.byPath(), old.Boot == disk.BootID(), tempDir+disk.Unique()
				if err := u.prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
				meanwhile()
				return u.next, u.placeAll()
			}
			old, err := update(before, &manifest{}, func() {})
			if err != nil {
				t.Fatal(err)
			}
			theirs := filepath.Join(dir, c.theirs)
			if _, err := update(after, old, func() { put(theirs) }); err == nil {
				t.Error("the update did not notice it")
			}
			if data, err := os.ReadFile(theirs); string(data) != "theirs" {
				t.Errorf("%s was changed: %q, %v", c.theirs, data, err)
			}
		})
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
		u := &update{tree: Tree{Dir: tree}, thisBoot: true}
		if got := u.same(info, old, &entry{Path: "a", Mode: info.Mode(), Source: source}); got != want {
			t.Errorf("at %v: taken for unchanged: %v", at, got)
		}
	}
}
