package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/store"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// The tests here make the faults of the table in docs/reliability.md that
// concern the root; a test's comment names its rows.

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, name string, size int64) {
	t.Helper()
	if err := errors.Join(os.Chmod(name, 0o644), os.Truncate(name, size)); err != nil {
		t.Fatal(err)
	}
}

// W2: a temporary link is left in the link's directory.
func TestLeftoverLink(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	sum := sha256.Sum256([]byte(f.opts.Link))
	left := filepath.Join(f.opts.Root, disk.TempPrefix+"link-"+hex.EncodeToString(sum[:8]))
	leave := func() {
		t.Helper()
		if err := os.Symlink("rev-"+hash, left); err != nil {
			t.Fatal(err)
		}
	}
	leave()
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	leave()
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	f.sync(f.up.Rev("main"))
	f.clean()
}

// W3: lock files of git's in the store, and a ref of ours that was not written whole, left by a dead process.
func TestStaleLocks(t *testing.T) {
	// The root's path may hold what a pattern means something by.
	f := newFixture(t, func(o *Options) { o.Root = filepath.Join(filepath.Dir(o.Root), "r[o]ot") })
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	for i, name := range []string{"HEAD.lock", "refs/heads/main.lock", "refs/git-sync/head.lock", "packed-refs.lock", "config.lock", "shallow.lock", "gc.pid", "refs/git-sync/.git-sync.half"} {
		for _, restart := range []bool{false, true} {
			write(t, f.repo.store.Path(name), "")
			hash := f.up.Commit(map[string]string{"a": fmt.Sprint(i, restart)})
			if restart {
				if err := f.restart(); err != nil {
					t.Fatal(err)
				}
			}
			f.sync(hash)
			f.clean()
			if disk.Exists(f.repo.store.Path(name)) {
				t.Errorf("%s is still there", name)
			}
		}
	}
}

// W4: lock files in the worktree's git directory, with and without a push.
func TestStaleWorktreeLocks(t *testing.T) {
	for _, name := range []string{"index.lock", "HEAD.lock"} {
		for _, push := range []bool{false, true} {
			f := newFixture(t)
			hash := f.up.Commit(map[string]string{"a": "1"})
			tree := f.sync(hash)
			lock := filepath.Join(f.repo.store.Admin(tree.rec.ID), name)
			write(t, lock, "")
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(lock, old, old); err != nil {
				t.Fatal(err)
			}
			if push {
				hash = f.up.Commit(map[string]string{"a": "2"})
			}
			f.later()
			f.sync(hash)
			f.clean()
		}
	}
}

// TestStaleModuleLocks is W4 in a submodule, whose git directory is not the
// store's.
func TestStaleModuleLocks(t *testing.T) {
	for _, name := range []string{"index.lock", "HEAD.lock"} {
		m := newFamily(t)
		_, outer := nested(m)
		hash := m.up.Apply(adopt(mod{"sub", "../outer.git", outer}))
		tree := m.sync(hash)
		if len(tree.rec.Modules) != 2 {
			t.Fatalf("the tree has %d submodules", len(tree.rec.Modules))
		}
		var locks []string
		for _, mod := range tree.rec.Modules {
			lock := filepath.Join(m.repo.store.Module(mod.Store).Admin(mod.Admin), name)
			write(t, lock, "")
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(lock, old, old); err != nil {
				t.Fatal(err)
			}
			locks = append(locks, lock)
		}
		fresh := filepath.Join(filepath.Dir(locks[0]), "config.worktree.lock")
		write(t, fresh, "") // a reader's git holds it just now, which is in an hour
		soon := time.Now().Add(time.Hour)
		if err := os.Chtimes(fresh, soon, soon); err != nil {
			t.Fatal(err)
		}
		m.later()
		m.sync(hash)
		for _, lock := range locks {
			if disk.Exists(lock) {
				t.Errorf("left over: %s", lock)
			}
		}
		if !disk.Exists(fresh) {
			t.Error("the lock of a git at work was taken away")
		}
	}
}

// smallVolume mounts a file system of the size given; the test is skipped
// where it may not.
func smallVolume(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs to mount a small file system (root in a container that may): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// W5: a push too big for the volume, whether its objects fit or not; then a
// small one.
func TestDiskFull(t *testing.T) {
	for name, size := range map[string]int{"while fetching": 6 << 20, "while checking out": 3 << 20} {
		t.Run(name, func(t *testing.T) {
			dir := smallVolume(t, "4m")
			f := newFixture(t, func(o *Options) { o.Root = dir })
			first := f.up.Commit(map[string]string{"a": strings.Repeat("1", 200<<10)})
			f.sync(first)
			f.up.Commit(map[string]string{"big": noise(size)})
			for range 2 {
				if _, err := f.try(); !noSpace(err) {
					t.Fatalf("a push that does not fit: %v", err)
				}
				f.published(first)
				f.settle()
				f.clean()
			}
			second := f.up.Apply(gitserver.Change{Delete: []string{"big"}, Files: map[string]string{"a": "2"}})
			f.sync(second)
			f.clean()
		})
	}
}

// noise is text that does not compress, the same every time.
func noise(n int) string {
	var b strings.Builder
	x := uint64(88172645463325252)
	for b.Len() < n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&b, "%c%c%c%c%c%c", byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32), byte(x>>40))
	}
	return b.String()
}

// W8, W11: the worktree vanishes, or parts of it, or the link; for a branch
// and for a full hash.
func TestRepair(t *testing.T) {
	for name, damage := range map[string]func(f *fixture, tree Tree){
		"tree":    func(_ *fixture, tree Tree) { remove2(t, tree.Path) },
		"link":    func(f *fixture, _ Tree) { remove2(t, f.link()) },
		"gitlink": func(_ *fixture, tree Tree) { remove2(t, filepath.Join(tree.Path, ".git")) },
		"admin":   func(f *fixture, tree Tree) { remove2(t, f.repo.store.Admin(tree.rec.ID)) },
		"index":   func(f *fixture, tree Tree) { remove2(t, filepath.Join(f.repo.store.Admin(tree.rec.ID), "index")) },
		"other HEAD": func(f *fixture, tree Tree) {
			write(t, filepath.Join(f.repo.store.Admin(tree.rec.ID), "HEAD"), strings.Repeat("0", 40))
		},
		"everything": func(f *fixture, _ Tree) { remove2(t, f.link()); remove2(t, f.repo.store.Dir()) },
	} {
		for _, byHash := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " by hash ", byHash), func(t *testing.T) {
				f := newFixture(t)
				hash := f.up.Commit(map[string]string{"a": "1", "dir/b": "2"})
				if byHash {
					f.opts.Ref = hash
				}
				damage(f, f.sync(hash))
				f.sync(hash)
				f.clean()
			})
		}
	}
}

func remove2(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

// W10: a replaced tree cannot be removed. An immutable directory stands for
// files of another UID, which do not stop root.
func TestUnremovable(t *testing.T) {
	f := newFixture(t)
	tree := f.sync(f.up.Commit(map[string]string{"dir/a": "1"}))
	dir := filepath.Join(tree.Path, "dir")
	release := makeUnremovable(t, dir)
	second := f.up.Commit(map[string]string{"dir/a": "2"})
	f.sync(second)
	f.sync(f.up.Commit(map[string]string{"dir/a": "3"}))
	if got := f.repo.Stats().Stuck; got != 1 {
		t.Errorf("Stats().Stuck = %d, want 1", got)
	}
	release()
	f.later()
	f.sync(f.up.Commit(map[string]string{"dir/a": "4"}))
	if got := f.repo.Stats().Stuck; got != 0 {
		t.Errorf("Stats().Stuck = %d after it can be removed, want 0", got)
	}
	f.clean()
}

// D1: the checks at start-up are killed, or end in nothing; the remote is
// there or not.
func TestChecksUnknown(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	f.stop()
	script := filepath.Join(t.TempDir(), "git")
	for _, fate := range []string{"kill -9 $$", "sleep 100", "echo 'error: unable to read: Input/output error' >&2; exit 128"} {
		for _, remote := range []bool{true, false} {
			harness.Executable(t, script, "#!/bin/sh\ncase \" $* \" in *' status '*) "+fate+";; esac\nexec git \"$@\"\n")
			g, err := git.New(t.Context(), git.Options{Path: script, Env: []string{"PATH=" + os.Getenv("PATH")}})
			if err != nil {
				t.Fatal(err)
			}
			o := f.opts
			o.Git = g
			if !remote {
				o.URL = "file:///nowhere"
			}
			r, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			before, err := os.Stat(f.link())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			tree, err := r.Prepare(ctx, git.Overlay{})
			cancel()
			if remote && (err != nil || tree.New) || !remote && err == nil {
				t.Errorf("%s, remote %v: %+v, %v", fate, remote, tree, err)
			}
			if after, err := os.Stat(f.link()); err != nil || !os.SameFile(before, after) {
				t.Errorf("%s, remote %v: the published tree was replaced", fate, remote)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// D2: an object or a pack is truncated while the remote is down.
func TestCorruptStore(t *testing.T) {
	for name, files := range map[string]int{"loose": 3, "pack": 300} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " restart ", restart), func(t *testing.T) {
				f := newFixture(t)
				hash := f.up.BigTree(files)
				f.sync(hash)
				n := 0
				err := eachObject(f.repo.store.Dir(), func(name string, info os.FileInfo) error {
					if strings.HasSuffix(name, ".idx") || strings.HasSuffix(name, ".rev") {
						return nil
					}
					n++
					truncate(t, name, info.Size()/2)
					return nil
				})
				if err != nil || n == 0 {
					t.Fatal(n, err)
				}
				away := f.up.Dir + ".away"
				if err := os.Rename(f.up.Dir, away); err != nil {
					t.Fatal(err)
				}
				if restart {
					if err := f.restart(); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := f.try(); err == nil {
					t.Fatal("no error while the remote is down")
				}
				f.published0(hash)
				if err := os.Rename(away, f.up.Dir); err != nil {
					t.Fatal(err)
				}
				f.later()
				f.poll()
				if err := f.repo.jobs.verify.wait(t.Context()); err != nil { // it finds the damage
					t.Fatal(err)
				}
				f.sync(hash)
				if out, err := gitserver.Run(f.link(), gitserver.Env(), "fsck", "--full"); err != nil {
					t.Errorf("git fsck after the repair: %v %s", err, out)
				}
				f.sync(f.up.BigChange(files, "v2"))
				f.clean()
			})
		}
	}
}

// D2, of objects that are gone altogether.
func TestMissingObjects(t *testing.T) {
	for name, files := range map[string]int{"loose": 3, "pack": 300} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			hash := f.up.BigTree(files)
			f.sync(hash)
			tree := f.poll()
			err := eachObject(f.repo.store.Dir(), func(name string, _ os.FileInfo) error { return os.Remove(name) })
			if err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(tree.Path); err != nil {
				t.Fatal(err)
			}
			f.sync(hash)
			f.clean()
		})
	}
}

// D2, unnoticed: the damage does not show in sizes; git meets it.
func TestCorruptContent(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "1", "b": "2"}))
	err := eachObject(f.repo.store.Dir(), func(name string, info os.FileInfo) error {
		if err := os.Chmod(name, 0o644); err != nil {
			return err
		}
		return os.WriteFile(name, []byte(strings.Repeat("x", int(info.Size()))), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.clean()
}

// D3, D7: files beside ours are left alone, whatever is done to the root.
func TestOthersFiles(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"lost+found/x", "notes.txt", "rev-abc/x", "rev-" + strings.Repeat("0", 40) + "/x", ".worktrees/mine/x", ".hidden"} {
		write(t, filepath.Join(f.opts.Root, name), "precious")
	}
	check := func() {
		t.Helper()
		for _, name := range []string{"lost+found/x", "notes.txt", "rev-abc/x", "rev-" + strings.Repeat("0", 40) + "/x", ".worktrees/mine/x", ".hidden"} {
			if data, err := os.ReadFile(filepath.Join(f.opts.Root, name)); err != nil || string(data) != "precious" {
				t.Errorf("%s: %q, %v", name, data, err)
			}
		}
	}
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	check()
	tree := f.sync(f.up.Commit(map[string]string{"a": "2"}))
	check()
	remove2(t, tree.Path)
	f.sync(tree.Hash)
	remove2(t, f.repo.store.Dir())
	f.sync(tree.Hash)
	if err := f.restart(func(o *Options) { o.Layout = LayoutWorktrees }); err != nil {
		t.Fatal(err)
	}
	f.sync(tree.Hash)
	check()
}

// A directory with the name of the next tree is left alone, unless git-sync published a tree there.
func TestInTheWay(t *testing.T) {
	for _, layout := range []Layout{LayoutRev, LayoutWorktrees, LayoutHash} {
		t.Run(string(layout), func(t *testing.T) {
			f := newFixture(t)
			f.opts.Layout = layout
			f.sync(f.up.Commit(map[string]string{"a": "1"}))
			mine := filepath.Join(f.opts.Root, layout.Place(f.up.Commit(map[string]string{"a": "2"})), "mine")
			write(t, mine, "precious")
			if _, err := f.try(); err == nil || !strings.Contains(err.Error(), "git-sync did not make it") {
				t.Errorf("a directory in the way: %v", err)
			}
			if data, err := os.ReadFile(mine); err != nil || string(data) != "precious" {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
}

// D10: files lost their content in a power cut, at full length or at none.
func TestPowerCut(t *testing.T) {
	for name, damage := range map[string]func(name string){
		"zero length": func(name string) { truncate(t, name, 0) },
		"zeros": func(name string) {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, make([]byte, info.Size()), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			hash := f.up.Commit(map[string]string{"a": "content", "b": "more"})
			tree := f.sync(hash)
			f.stop()
			damage(filepath.Join(tree.Path, "a"))
			f.otherBoot(tree)
			if tree := f.sync(hash); !tree.New {
				t.Error("the damage was not found")
			}
			f.clean()
		})
	}
}

// D9, at our own steps: a sync that ends between Prepare and Publish, and
// what a crash leaves at other places.
func TestInterrupted(t *testing.T) {
	f := newFixture(t)
	first := f.up.Commit(map[string]string{"a": "1"})
	f.sync(first)
	second := f.up.Commit(map[string]string{"a": "2"})
	tree, err := f.repo.Prepare(t.Context(), git.Overlay{})
	if err != nil || tree.Hash != second {
		t.Fatal(tree, err)
	}
	f.complete(first)
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	f.sync(second)
	if f.repo.Stats().Fetches != 0 {
		t.Error("what was fetched before the crash was fetched again")
	}
	f.clean()

	// Half of a tree, half of a store, and a store that was being exchanged.
	write(t, filepath.Join(f.opts.Root, buildPrefix+"x", "a"), "half")
	write(t, filepath.Join(f.opts.Root, ".git-sync.next", disk.OwnName, disk.Marker), `{"version":1,"format":"sha1"}`)
	write(t, f.repo.store.Path("objects/pack/tmp_pack_x"), "half")
	write(t, f.repo.store.Path("worktrees/half/HEAD"), "half")
	record := filepath.Join(f.repo.store.Admin(tree.rec.ID), disk.TempPrefix+"record")
	write(t, record, "half")
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	f.sync(second)
	f.clean()
	if disk.Exists(record) {
		t.Error("half a record is left")
	}
	f.stop()
	if err := os.Rename(filepath.Join(f.opts.Root, ".git"), filepath.Join(f.opts.Root, ".git-sync.next")); err != nil {
		t.Fatal(err)
	}
	if meta := filepath.Join(f.opts.Root, ".git-sync.next", disk.OwnName, disk.Marker); true {
		var m store.Meta
		if err := disk.ReadJSON(meta, &m); err != nil {
			t.Fatal(err)
		}
		m.Ready = true
		if err := (disk.GitDir{}).ReplaceJSON(meta, m); err != nil {
			t.Fatal(err)
		}
	}
	if tree := f.sync(second); tree.New {
		t.Error("the exchange of stores was not finished")
	}
	f.clean()
}

// W13: the volume is mounted at another path.
func TestMoved(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	f.stop()
	moved := f.opts.Root + "-moved"
	if err := os.Rename(f.opts.Root, moved); err != nil {
		t.Fatal(err)
	}
	f.opts.Root = moved
	f.published(hash)
	if tree := f.sync(hash); tree.New {
		t.Error("a moved root is made anew")
	}
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.clean()
}

// D6: a replaced tree stays for the grace, which nobody has to wait for, and
// goes by itself when it is over.
func TestGrace(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.StaleTimeout = 700 * time.Millisecond })
	first := f.sync(f.up.Commit(map[string]string{"a": "1"}))
	second := f.sync(f.up.Commit(map[string]string{"a": "2"}))
	if !disk.Exists(filepath.Join(first.Path, "a")) || !disk.Exists(filepath.Join(second.Path, "a")) {
		t.Fatal("a tree is gone within its grace")
	}
	for deadline := time.Now().Add(30 * time.Second); disk.Exists(first.Path); {
		if time.Now().After(deadline) {
			t.Fatal("the replaced tree does not go")
		}
		f.poll()
	}
	f.published(second.Hash)
}
