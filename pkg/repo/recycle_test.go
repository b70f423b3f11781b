package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/test/gitserver"
)

// later lets the grace of spare trees pass.
func (f *fixture) later() { f.skew.Add(int64(time.Hour)) }

// recycled syncs to hash and checks whether the tree was made from the spare one,
// by the log of the reasons against it.
func (f *fixture) recycled(hash string) {
	f.t.Helper()
	f.later()
	f.logs = nil
	f.sync(hash)
	for _, line := range f.logs {
		if strings.Contains(line, "checking out in full") {
			f.t.Errorf("not recycled: %s", line)
		}
	}
	f.same(hash)
}

// full is recycled's opposite: because is part of the reason.
func (f *fixture) full(hash, because string) {
	f.t.Helper()
	f.later()
	f.logs = nil
	f.sync(hash)
	f.same(hash)
	if !strings.Contains(strings.Join(f.logs, "\n"), because) {
		f.t.Errorf("no reason %q in %q", because, f.logs)
	}
}

// same compares the published tree with a fresh checkout, mode for mode.
func (f *fixture) same(hash string) {
	f.t.Helper()
	fresh := newFixture(f.t, func(o *Options) {
		*o = f.opts
		o.Root = filepath.Join(f.t.TempDir(), "fresh")
		o.Checkout = CheckoutFull
	})
	fresh.up = f.up
	fresh.sync(hash)
	want, got := modes(f.t, fresh.link()+"/."), modes(f.t, f.link()+"/.")
	for _, name := range keys(want, got) {
		if want[name] != got[name] {
			f.t.Errorf("%s: mode %s, want %s", name, got[name], want[name])
		}
	}
	fresh.stop()
}

func modes(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			return skip(d)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		stat := info.Sys().(*syscall.Stat_t)
		all[rel] = fmt.Sprint(info.Mode(), stat.Uid, stat.Gid)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// many is a number of files of which a tree is recycled in these tests.
const many = 140

// ready gives a fixture whose next update can be recycled: v1 was published,
// then v2.
func ready(t *testing.T, change ...func(*Options)) *fixture {
	t.Helper()
	f := newFixture(t, change...)
	f.sync(f.up.BigTree(many))
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	if len(f.spares()) != 1 {
		t.Fatal("there is no spare tree")
	}
	return f
}

func TestRecycle(t *testing.T) {
	f := ready(t)
	for i := range 5 {
		f.recycled(f.up.Apply(gitserver.Change{
			Files:    map[string]string{"a": fmt.Sprint(i), fmt.Sprintf("new%d/x", i): "new", gitserver.BigPath(i): "changed"},
			Delete:   []string{gitserver.BigPath(20 + i)},
			Execs:    map[string]string{gitserver.BigPath(40 + i): "now executable"},
			Symlinks: map[string]string{gitserver.BigPath(60 + i): "a"},
		}))
		f.clean()
	}
	// A directory becomes a file, a file a directory, a directory a symlink.
	f.recycled(f.up.Apply(gitserver.Change{Delete: []string{"new0", "a", "new1"}, Files: map[string]string{"new0": "file", "a/b/c": "dir"}, Symlinks: map[string]string{"new1": "new2"}}))
	f.recycled(f.up.Apply(gitserver.Change{Delete: []string{"new0", "a", "new1"}, Files: map[string]string{"a": "file", "new1/deep/x": "dir"}}))
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	f.recycled(f.up.Commit(map[string]string{"a": "after a restart"}))
}

// What consumers do to a tree must not show in one made from it.
func TestRecycleMeddled(t *testing.T) {
	for name, meddle := range map[string]func(dir string) error{
		"edited": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, gitserver.BigPath(1)), []byte("edited"), 0o644)
		},
		"edited, same size, times restored": func(dir string) error {
			name := filepath.Join(dir, gitserver.BigPath(1))
			info, err := os.Stat(name)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			data[3] ^= 1
			return errors.Join(os.WriteFile(name, data, 0o644), os.Chtimes(name, info.ModTime(), info.ModTime()))
		},
		"deleted":         func(dir string) error { return os.Remove(filepath.Join(dir, gitserver.BigPath(1))) },
		"added":           func(dir string) error { return os.WriteFile(filepath.Join(dir, "d00/x.pyc"), []byte("x"), 0o644) },
		"added directory": func(dir string) error { return os.MkdirAll(filepath.Join(dir, "d00/__pycache__/empty"), 0o755) },
		"ignored": func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "d00/.gitignore"), []byte("*"), 0o644), os.WriteFile(filepath.Join(dir, "d00/y"), nil, 0o644))
		},
		"repository within": func(dir string) error {
			_, err := gitserver.Run("", gitserver.Env(), "init", "-q", filepath.Join(dir, "d00/repo"))
			return err
		},
		"mode":             func(dir string) error { return os.Chmod(filepath.Join(dir, gitserver.BigPath(1)), 0o600) },
		"executable":       func(dir string) error { return os.Chmod(filepath.Join(dir, gitserver.BigPath(1)), 0o755) },
		"directory's mode": func(dir string) error { return os.Chmod(filepath.Join(dir, "d00"), 0o700) },
		"top mode":         func(dir string) error { return os.Chmod(dir, 0o700) },
		"fifo":             func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644) },
		"hard link":        func(dir string) error { return os.Link(filepath.Join(dir, gitserver.BigPath(1)), dir+"-taken") },
		"file to directory": func(dir string) error {
			name := filepath.Join(dir, gitserver.BigPath(1))
			return errors.Join(os.Remove(name), os.MkdirAll(name+"/x", 0o755))
		},
		"directory to symlink": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "d00"), dir+"-moved"), os.Symlink(dir+"-moved", filepath.Join(dir, "d00")))
		},
		// An attributes file decides how git writes what is beside it.
		"attributes": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "d00/.gitattributes"), []byte("* text eol=crlf\n"), 0o644)
		},
		"attributes behind a symlink": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "moving"), dir+"-moved"), os.Symlink(dir+"-moved", filepath.Join(dir, "moving")),
				os.WriteFile(dir+"-moved/.gitattributes", []byte("* text eol=crlf\n"), 0o644))
		},
		// As many files as before, and as many directories.
		"directory to symlink, and another": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "pair"), dir+"-moved"), os.Symlink(dir+"-moved", filepath.Join(dir, "pair")),
				os.Mkdir(filepath.Join(dir, "cache"), 0o755), os.WriteFile(filepath.Join(dir, "cache/x"), nil, 0o644))
		},
		".git to symlink": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, ".git")), os.Symlink(dir+"-taken", filepath.Join(dir, ".git")))
		},
		"emptied directory": func(dir string) error { return os.Remove(filepath.Join(dir, "leaving/x")) },
		"git add": func(dir string) error {
			err := os.WriteFile(filepath.Join(dir, gitserver.BigPath(1)), []byte("added"), 0o644)
			_, gerr := gitserver.Run(dir, gitserver.Env(), "add", "-A")
			return errors.Join(err, gerr)
		},
		"assume unchanged": func(dir string) error {
			_, err := gitserver.Run(dir, gitserver.Env(), "update-index", "--assume-unchanged", gitserver.BigPath(1))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, gitserver.BigPath(1)), []byte("hidden"), 0o644))
		},
		"git commit": func(dir string) error {
			_, err := gitserver.Run(dir, gitserver.Env(), "commit", "-q", "--allow-empty", "-m", "mine")
			return err
		},
		"gitlink": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: /nowhere\n"), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.up.BigTree(many)
			tree := f.sync(f.up.Commit(map[string]string{"moving/x": "1\n", "pair/x": "1\n", "pair/y": "1\n", "leaving/x": "1\n"}))
			if err := meddle(tree.Path); err != nil {
				t.Fatal(err)
			}
			f.sync(f.up.Commit(map[string]string{"a": "2"}))
			f.later()
			hash := f.up.Apply(gitserver.Change{Files: map[string]string{"a": "3", gitserver.BigPath(2): "changed\n", "moving/x": "3\n"}, Delete: []string{"leaving"}})
			f.sync(hash)
			f.same(hash)
			f.sync(f.up.Commit(map[string]string{"a": "4"}))
		})
	}
}

func TestNotRecycled(t *testing.T) {
	t.Run("too soon", func(t *testing.T) {
		f := ready(t)
		f.logs = nil
		f.sync(f.up.Commit(map[string]string{"a": "3"}))
		if !strings.Contains(strings.Join(f.logs, ""), "may still be read") {
			t.Errorf("no reason in %q", f.logs)
		}
	})
	t.Run("attributes", func(t *testing.T) {
		f := ready(t)
		f.full(f.up.Commit(map[string]string{".gitattributes": "* text eol=crlf\n"}), "attributes")
	})
	t.Run("submodules", func(t *testing.T) {
		f := ready(t, func(o *Options) { o.Submodules = SubmodulesOff })
		f.full(f.up.Apply(gitserver.Change{Gitlinks: map[string]string{"sub": f.up.Rev("main")}}), "submodules")
	})
	t.Run("most files", func(t *testing.T) {
		f := ready(t)
		f.full(f.up.BigChange(many, "v2"), "most of the files")
	})
	t.Run("permissions", func(t *testing.T) {
		f := ready(t)
		if err := f.restart(func(o *Options) { o.Permissions = 0o640 }); err != nil {
			t.Fatal(err)
		}
		f.full(f.up.Commit(map[string]string{"a": "3"}), "options have changed")
	})
	t.Run("configuration", func(t *testing.T) {
		f := ready(t)
		f.opts.Config = append(f.opts.Config, kv("core.eol", "crlf"))
		f.opts.Git = f.newGit(f.opts.Config)
		if err := f.restart(); err != nil {
			t.Fatal(err)
		}
		f.full(f.up.Commit(map[string]string{"a": "3"}), "options have changed")
	})
	t.Run("edited", func(t *testing.T) {
		f := newFixture(t)
		tree := f.sync(f.up.BigTree(many))
		write(t, filepath.Join(tree.Path, "d00/__pycache__/x.pyc"), "")
		f.sync(f.up.Commit(map[string]string{"a": "2"}))
		f.full(f.up.Commit(map[string]string{"a": "3"}), "not as it was made")
	})
	t.Run("what cannot be removed", func(t *testing.T) {
		f := newFixture(t)
		tree := f.sync(f.up.BigTree(many))
		dir := filepath.Join(tree.Path, "d00/__pycache__")
		write(t, filepath.Join(dir, "x.pyc"), "")
		release := makeUnremovable(t, dir)
		f.sync(f.up.Commit(map[string]string{"a": "2"}))
		f.full(f.up.Commit(map[string]string{"a": "3"}), "not as it was made")
		if names := strings.ReplaceAll(strings.Join(f.rootEntries(), " "), disk.TempPrefix+"trash", ""); strings.Contains(names, disk.TempPrefix) {
			t.Errorf("left in the root: %s", names)
		}
		release()
		f.later()
		f.sync(f.up.Commit(map[string]string{"a": "4"}))
		f.clean()
	})
	t.Run("full", func(t *testing.T) {
		f := newFixture(t, func(o *Options) { o.Checkout = CheckoutFull })
		f.sync(f.up.BigTree(many))
		f.sync(f.up.Commit(map[string]string{"a": "2"}))
		if len(f.spares()) != 0 {
			t.Error("there is a spare tree")
		}
	})
}

// The time for which a tree must be out of publication counts from when it was
// replaced, not from when it became the spare, and over a restart.
func TestRecycleGrace(t *testing.T) {
	const stale = 8 * time.Second
	for _, c := range []struct {
		name    string
		out     time.Duration // how long the tree has been out
		restart bool
		stale   time.Duration
		full    bool
	}{
		{name: "after the stale timeout", stale: stale, out: 12 * time.Second},
		{name: "after a restart", stale: stale, out: 12 * time.Second, restart: true},
		{name: "after five seconds", out: 6 * time.Second},
		{name: "before five seconds", out: 4 * time.Second, full: true},
		{name: "before five seconds, after a restart", out: 4 * time.Second, full: true, restart: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(o *Options) { o.StaleTimeout = c.stale })
			began := time.Now() // the clock stands still: a busy machine may take seconds for this
			f.opts.Now = func() time.Time { return began.Add(time.Duration(f.skew.Load())) }
			f.sync(f.up.BigTree(many))
			// The past, so that when the tree becomes the spare is not when it was replaced.
			f.skew.Store(-int64(c.out))
			f.sync(f.up.Commit(map[string]string{"a": "2"}))
			if c.restart {
				f.stop()
			}
			f.skew.Add(int64(c.stale))
			f.poll() // makes it the spare
			if got := len(f.spares()); got != 1 {
				t.Fatalf("%d spare trees, want one", got)
			}
			if c.restart {
				f.stop()
			}
			f.skew.Store(0)
			f.logs = nil
			f.sync(f.up.Commit(map[string]string{"a": "3"}))
			if got := strings.Contains(strings.Join(f.logs, "\n"), "may still be read"); got != c.full {
				t.Errorf("checked out in full: %v, want %v: %q", got, c.full, f.logs)
			}
		})
	}
}

// A tree that is published again has not been out of publication since it was
// replaced the first time.
func TestRecyclePublishedAgain(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.StaleTimeout = time.Hour })
	first := f.up.BigTree(many)
	f.sync(first)
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.skew.Add(int64(50 * time.Minute))
	f.up.BranchAt("main", first)
	tree := f.sync(first)
	f.skew.Add(int64(50 * time.Minute))
	f.stop() // and what is remembered is read from the disk
	f.sync(f.up.Commit(map[string]string{"a": "3"}))
	f.skew.Add(int64(50 * time.Minute))
	f.stop()
	f.poll()
	if !disk.Exists(tree.Path) {
		t.Error("the tree is gone 50 minutes after it was replaced")
	}
}

// Where every directory has the same other mode, the tree's own one tells.
func TestRecycleDirectoryModes(t *testing.T) {
	f := ready(t)
	err := filepath.WalkDir(filepath.Join(f.repo.store.Own("spare"), f.spares()[0]), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(name, 0o700)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f.later()
	hash := f.up.Commit(map[string]string{"a": "3"})
	f.sync(hash)
	f.same(hash)
}
