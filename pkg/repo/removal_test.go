package repo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"

	"git-sync/test/harness"
)

// failingCheckouts gives f a git that fails after each checkout, as one that is
// killed at the end of a sync's time does, while the file returned exists.
func failingCheckouts(f *fixture) (switchedOn string) {
	f.t.Helper()
	dir := f.t.TempDir()
	switchedOn = filepath.Join(dir, "fail")
	write(f.t, switchedOn, "")
	harness.Executable(f.t, filepath.Join(dir, "git"), fmt.Sprintf("#!/bin/sh\nif [ \"$1\" != read-tree ] || [ ! -e %s ]; then exec git \"$@\"; fi\ngit \"$@\"; exit 1\n", switchedOn))
	g, err := git.New(f.t.Context(), git.Options{Path: filepath.Join(dir, "git"), Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.t.TempDir()}, Observe: f.ran})
	if err != nil {
		f.t.Fatal(err)
	}
	f.opts.Git = g
	return switchedOn
}

// A run that ends before its trash is empty leaves it to the next one, which need not succeed for that.
func TestTrashOfAnEarlierRun(t *testing.T) {
	f := newFixture(t)
	fail := failingCheckouts(f)
	remove2(t, fail)
	f.sync(f.up.Commit(map[string]string{"a": "0"}))
	write(t, fail, "")
	f.up.Commit(map[string]string{"a": "1"})
	f.repo.jobs.remove.pause(time.Now().Add(time.Hour)) // as if it was killed
	if _, err := f.try(); err == nil {
		t.Fatal("a failed checkout passes for a good one")
	}
	f.settle()
	if len(f.repo.trees.Trash.List()) == 0 {
		t.Fatal("nothing is left")
	}
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	if err := f.repo.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer f.repo.work.Unlock()
	if err := f.repo.jobs.remove.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := f.repo.trees.Trash.List(); len(left) > 0 {
		t.Errorf("still there before the next sync: %q", left)
	}
}

// The files of a tree that was not finished are not removed within the sync,
// whose time may be over: they go into the trash, and the background empties that.
func TestUnfinishedTreeIsDiscarded(t *testing.T) {
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprint("first sync ", first), func(t *testing.T) {
			f := newFixture(t)
			fail := failingCheckouts(f)
			if !first {
				remove2(t, fail)
				f.sync(f.up.Commit(map[string]string{"a": "0"}))
				write(t, fail, "")
			} else if err := f.restart(); err != nil {
				t.Fatal(err)
			}
			hash := f.up.Commit(map[string]string{"a": "1"})
			f.repo.jobs.remove.pause(time.Now().Add(time.Hour)) // the background does not touch it
			if _, err := f.try(); err == nil {
				t.Fatal("a failed checkout passes for a good one")
			}
			f.settle()
			builds := 0
			for _, name := range f.repo.trees.Trash.List() {
				if disk.Exists(filepath.Join(name, "a")) {
					builds++
				}
			}
			if left := f.unfinished(); builds != 1 || len(left) > 0 {
				t.Errorf("%d unfinished trees in the trash, want one; in the root: %v", builds, left)
			}
			f.repo.jobs.remove.pause(time.Time{})
			if _, err := f.try(); err == nil {
				t.Fatal("a failed checkout passes for a good one")
			}
			f.settle()
			if left := f.repo.trees.Trash.List(); len(left) > 0 {
				t.Errorf("a failed sync leaves %v", left)
			}
			remove2(t, fail)
			f.sync(hash)
			f.clean()
		})
	}
}

// A first sync that is ended leaves nothing in the root but what it has fetched.
func TestEndedFirstSyncLeavesWhatWasFetched(t *testing.T) {
	f := newFixture(t)
	failingCheckouts(f)
	f.up.Commit(map[string]string{"a": "1"})
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	f.repo.jobs.remove.pause(time.Now().Add(time.Hour)) // it ends before the background is at work
	if _, err := f.try(); err == nil {
		t.Fatal("a failed checkout passes for a good one")
	}
	f.stop()
	if left := f.rootEntries(); len(left) != 1 || left[0] != ".git-sync.next" {
		t.Errorf("left behind: %v", left)
	}
}

// Removing what was replaced, however many files that are, holds up neither
// polls nor publications: here it does not come to an end at all.
func TestRemovalBesideSyncs(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "0"}))
	var once sync.Once
	removing, release := make(chan struct{}), make(chan struct{})
	f.repo.jobs.remove.start(t.Context(), func(ctx context.Context) {
		once.Do(func() { close(removing) })
		<-release
		f.repo.emptyTrash(ctx)
	})
	end := sync.OnceFunc(func() { close(release) })
	defer end()
	<-removing
	hash := ""
	for i := range 3 {
		hash = f.up.Commit(map[string]string{"a": fmt.Sprint("new", i)})
		f.beside(hash) // published
		f.beside(hash) // a poll
	}
	f.repo.jobs.remove.pause(time.Time{})
	harness.Until(t, "old trees to wait for their removal", func() bool {
		f.beside(hash)
		return len(f.repo.trees.Trash.List()) > 0
	})
	end()
	harness.Until(t, "the removal of replaced trees", func() bool {
		f.beside(hash)
		f.settle()
		return len(f.repo.trees.Trash.List()) == 0
	})
	f.clean()
}

// Once nothing is left to remove, a poll does not look for it; the next revision makes it look again.
func TestCleanUpEnds(t *testing.T) {
	f := newFixture(t)
	for i := range 3 {
		hash := f.up.Commit(map[string]string{"a": fmt.Sprint(i)})
		for range 3 {
			f.sync(hash)
		}
		f.clean()
		if !f.repo.jobs.done.Load() {
			t.Fatal("polls that find nothing new still clean up")
		}
	}
	// The clean-up of the poll before may end between the two steps of an update.
	f.up.Commit(map[string]string{"a": "3"})
	tree, err := f.repo.Prepare(t.Context(), git.Overlay{})
	if f.repo.jobs.done.Load() {
		t.Error("what git has left is not cleaned up")
	}
	if err == nil {
		for range 3 {
			f.repo.Clean(t.Context())
			f.settle()
		}
		_, err = f.repo.Publish(t.Context(), tree)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.repo.Clean(t.Context())
	f.settle()
	f.clean()
}
