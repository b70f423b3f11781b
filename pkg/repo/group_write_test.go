package repo

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGroupWrite: whatever the umask, what is made in the root is writable by
// its group: the scratch directories of a collection, the lock file, and a root
// that was removed.
func TestGroupWrite(t *testing.T) {
	before := unix.Umask(0o027)
	t.Cleanup(func() { unix.Umask(before) })
	f := newFixture(t, func(o *Options) { o.GroupWrite, o.Umask, o.GC = true, 0o002, GCAlways })
	slow := slowly(f, "after")
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	slow.hold()
	f.beside(f.up.Commit(map[string]string{"a": "2"}))
	slow.waits()
	scratch, err := filepath.Glob(f.repo.store.Own("collect-*"))
	if err != nil || len(scratch) != 1 {
		t.Fatal(scratch, err)
	}
	file, err := f.repo.lock.openFile(f.opts.Root)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	shared(t, 0o775, scratch[0], filepath.Join(scratch[0], "pack"), filepath.Join(scratch[0], "old"))
	shared(t, 0o664, filepath.Join(scratch[0], "shallow"))
	shared(t, 0o660, file.Name())
	slow.release()
	f.settle()

	if err := os.RemoveAll(f.opts.Root); err != nil {
		t.Fatal(err)
	}
	f.sync(f.up.Commit(map[string]string{"a": "3"}))
	shared(t, 0o775, f.opts.Root)
}

// shared checks that files have at least the bits perm.
func shared(t *testing.T, perm fs.FileMode, names ...string) {
	t.Helper()
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&perm != perm {
			t.Errorf("%s: %v, want at least %v", name, info.Mode(), perm)
		}
	}
}
