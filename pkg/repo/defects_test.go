package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// The tests here are of defects that test/crash has found.

// A one-time sync waits until it has cleaned up, but not for the grace of the
// tree that it has replaced.
func TestSettleDoesNotWaitForTheGrace(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.StaleTimeout = time.Hour })
	first := f.sync(f.up.Commit(map[string]string{"a": "1"}))
	f.up.Commit(map[string]string{"a": "2"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tree, err := f.repo.Prepare(ctx, git.Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.repo.Publish(ctx, tree); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.repo.Clean(ctx)
		if err := f.repo.WaitClean(ctx); err != nil {
			t.Errorf("waiting for the clean-up: %v", err)
		}
	}
	if _, err := os.Stat(first.Path); err != nil {
		t.Errorf("the tree in its grace: %v", err)
	}
}

// A copy of a root remembers the link of the original, which is outside of it
// and none of the copy's business.
func TestCopiedRoot(t *testing.T) {
	dir := t.TempDir()
	f := newFixture(t, func(o *Options) { o.Root, o.Link = filepath.Join(dir, "one"), filepath.Join(dir, "pub", "one") })
	first := f.up.Commit(map[string]string{"a": "1"})
	f.sync(first)
	f.stop()
	if out, err := exec.Command("cp", "-a", filepath.Join(dir, "one"), filepath.Join(dir, "two")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	two := newFixture(t, func(o *Options) {
		*o = f.opts
		o.Root, o.Link = filepath.Join(dir, "two"), filepath.Join(dir, "pub", "two")
	})
	two.up = f.up
	two.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.published(first)
}

// A submodule's commits that are checked out nowhere go, with their refs; what
// is checked out stays.
func TestSubmodulesGarbage(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.GC = GCAlways })
	f.opts.Git = f.newGit([]git.KV{kv("protocol.file.allow", "always")})
	sub := gitserver.NewRepo(t)
	for i := range 5 {
		commit := sub.Commit(map[string]string{"s": noise(100<<10 + i)})
		f.sync(f.up.Apply(gitserver.Change{
			Files:    map[string]string{"a": fmt.Sprint(i), ".gitmodules": "[submodule \"s\"]\n\tpath = sub\n\turl = " + sub.FileURL() + "\n"},
			Gitlinks: map[string]string{"sub": commit},
		}))
	}
	stores, err := f.repo.store.Modules()
	if err != nil || len(stores) != 1 {
		t.Fatalf("stores of submodules: %v, %v", stores, err)
	}
	refs, err := disk.Glob(stores[0].Dir(), "refs/git-sync/commits/*/*")
	if err != nil || len(refs) != 1 {
		t.Errorf("refs %v, %v, want that of the commit checked out", refs, err)
	}
	if bytes := stores[0].Size(); bytes == 0 || bytes > 200<<10 {
		t.Errorf("the submodule's store takes %d bytes: old commits are kept", bytes)
	}
	if f.repo.store.Meta.Kept == 0 || stores[0].Meta.Kept == 0 || f.repo.store.Meta.Kept == stores[0].Meta.Kept {
		t.Errorf("kept sizes %d and %d, want each store's own", f.repo.store.Meta.Kept, stores[0].Meta.Kept)
	}
	f.clean()
}

// git does not notice when it cannot put its list of shallow commits in place:
// then it believes that it has history which it has not.
func TestShallowListLost(t *testing.T) {
	f := newFixture(t)
	f.opts.Git = f.newGit([]git.KV{kv("protocol.file.allow", "always")})
	sub := gitserver.NewRepo(t)
	old := sub.Commit(map[string]string{"s": "1"})
	recent := sub.Commit(map[string]string{"s": "2"})
	with := func(a, commit string) string {
		return f.up.Apply(gitserver.Change{
			Files:    map[string]string{"a": a, ".gitmodules": "[submodule \"s\"]\n\tpath = sub\n\turl = " + sub.FileURL() + "\n"},
			Gitlinks: map[string]string{"sub": commit},
		})
	}
	first := with("1", old)
	f.sync(with("2", recent))
	stores, err := f.repo.store.Modules()
	if err != nil || len(stores) != 1 {
		t.Fatalf("stores of submodules: %v, %v", stores, err)
	}
	for _, st := range append(stores, f.repo.store) {
		remove2(t, st.Path("shallow"))
	}
	f.up.Set("refs/heads/main", first)
	f.sync(first)
	f.clean()
}

// A link that was published before --link was changed goes with the next run
// when the one that published the new link was killed before it could.
func TestFormerLinkAfterCrash(t *testing.T) {
	for name, left := range map[string]bool{"before it was removed": true, "before that was noted": false} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			hash := f.up.Commit(map[string]string{"a": "1"})
			f.sync(hash)
			meta := f.repo.store.Meta
			meta.Link = "former"
			if err := f.repo.store.Save(meta); err != nil {
				t.Fatal(err)
			}
			if left {
				if err := os.Symlink("rev-"+hash, filepath.Join(f.opts.Root, "former")); err != nil {
					t.Fatal(err)
				}
			}
			f.stop()
			f.sync(hash)
			f.clean()
			if got := f.repo.store.Meta.Link; got != f.opts.Link {
				t.Errorf("the marker names the link %q", got)
			}
		})
	}
}

// What cannot be read is not absent: taken for no commit at all, it ended the
// program, and taken for what was there before a fetch that failed, the fetch
// would be rolled back to nothing.
func TestUnreadableIsNotAbsent(t *testing.T) {
	for _, name := range []string{"refs/git-sync/head", "shallow"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.up.Commit(map[string]string{"a": "1"})
			hash := f.up.Commit(map[string]string{"a": "2"})
			f.sync(hash)
			at := f.repo.store.Path(name)
			if err := os.Rename(at, at+".away"); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(at, 0o777); err != nil { // reading it fails whoever we are
				t.Fatal(err)
			}
			if err := f.repo.store.Rollback(f.repo.store.Snapshot()); err != nil || !disk.Exists(at) {
				t.Errorf("rolled back to what could not be read: %v", err)
			}
			if err := errors.Join(os.Remove(at), os.Rename(at+".away", at)); err != nil {
				t.Fatal(err)
			}
			if got, err := f.repo.store.Head(); got != hash || err != nil {
				t.Errorf("the ref is at %q, %v", got, err)
			}
		})
	}
}

// A check of the published tree that fails once, for want of a process or a
// descriptor, does not let damage pass for intact until the next start.
func TestCheckFailsOnce(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	tree := f.sync(hash)
	f.stop()
	write(t, filepath.Join(tree.Path, "a"), "damaged")
	dir := t.TempDir()
	script, failed := filepath.Join(dir, "git"), filepath.Join(dir, "failed")
	harness.Executable(t, script, "#!/bin/sh\ncase \" $* \" in *' status '*) [ -e "+failed+" ] || { : >"+failed+"; echo 'fatal: Too many open files' >&2; exit 128; };; esac\nexec git \"$@\"\n")
	g, err := git.New(t.Context(), git.Options{Path: script, Env: []string{"PATH=" + os.Getenv("PATH")}})
	if err != nil {
		t.Fatal(err)
	}
	f.opts.Git = g
	f.sync(hash)
	if !disk.Exists(failed) {
		t.Error("nothing was checked")
	}
}

// A marker that cannot be read for once is no reason to fetch everything anew,
// into a store that knows nothing of what was published.
func TestMarkerUnreadableOnce(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	f.stop()
	marker := filepath.Join(f.opts.Root, disk.GitName, disk.OwnName, disk.Marker)
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(marker, marker+".away"), os.Mkdir(marker, 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.try(); err == nil {
		t.Error("no error")
	}
	if err := errors.Join(os.Remove(marker), os.Rename(marker+".away", marker)); err != nil {
		t.Fatal(err)
	}
	if tree := f.sync(hash); tree.New || f.repo.Stats().Fetches != 0 {
		t.Errorf("%+v after %d fetches", tree, f.repo.Stats().Fetches)
	}
}
