package repo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/test/gitserver"

	"git-sync/test/harness"
)

// slowGit makes the gits that copy what is kept wait, before they begin or
// when they have done, as long as it is asked to.
type slowGit struct {
	t   *testing.T
	dir string
}

// slowly gives f such a git. The environment tells the gits of a collection
// from others that pack objects, those of the upstream.
func slowly(f *fixture, when string) *slowGit {
	f.t.Helper()
	s := &slowGit{t: f.t, dir: f.t.TempDir()}
	before, after := "", ""
	hold := fmt.Sprintf("if [ -e %[1]s/held ]; then echo . >>%[1]s/waiting; while [ -e %[1]s/held ]; do read -r _ <%[1]s/gate; done; fi", s.dir)
	if when == "before" {
		before = hold
	} else {
		after = hold
	}
	script := fmt.Sprintf("#!/bin/sh\nif [ \"$1\" != pack-objects ] || [ -z \"$GIT_OBJECT_DIRECTORY\" ]; then exec git \"$@\"; fi\n%s\ngit \"$@\" || exit\n%s\nexit 0\n", before, after)
	harness.Executable(f.t, filepath.Join(s.dir, "git"), script)
	if err := syscall.Mkfifo(filepath.Join(s.dir, "gate"), 0o600); err != nil {
		f.t.Fatal(err)
	}
	g, err := git.New(f.t.Context(), git.Options{Path: filepath.Join(s.dir, "git"), Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.t.TempDir()}, Observe: f.ran})
	if err != nil {
		f.t.Fatal(err)
	}
	f.opts.Git = g
	f.t.Cleanup(s.release)
	return s
}

func (s *slowGit) hold() { write(s.t, filepath.Join(s.dir, "held"), "") }

// release lets all go on that wait.
func (s *slowGit) release() {
	remove2(s.t, filepath.Join(s.dir, "held"))
	// Opening a gate for reading and writing does not block; one who waits reads the line.
	gate, err := os.OpenFile(filepath.Join(s.dir, "gate"), os.O_RDWR, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = gate.Close() })
	if _, err := gate.WriteString("\n\n\n\n"); err != nil {
		s.t.Fatal(err)
	}
}

// waits blocks until a git has begun to wait.
func (s *slowGit) waits() {
	s.t.Helper()
	harness.Until(s.t, "a collection of garbage", func() bool { return disk.Exists(filepath.Join(s.dir, "waiting")) })
}

// random is n bytes that do not compress, the same for the same seed.
func random(seed, n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(b) // never fails
	return string(b)
}

// beside makes one sync, which is to publish hash, without waiting for the
// background.
func (f *fixture) beside(hash string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	tree, err := f.repo.Prepare(ctx, git.Overlay{})
	if err == nil && tree.New {
		_, err = f.repo.Publish(ctx, tree)
	}
	f.repo.Clean(ctx)
	if err != nil {
		f.t.Fatalf("a sync while garbage is collected: %v", err)
	}
	f.published(hash)
}

// whole checks that all that is reachable in the store is there, as git sees
// it, and that nothing is left of a collection.
func (f *fixture) whole() {
	f.t.Helper()
	if out, err := gitserver.Run(f.link()+"/.", gitserver.Env(), "fsck", "--full"); err != nil {
		f.t.Errorf("the store is not whole: %v\n%s", err, out)
	}
	if left, _ := filepath.Glob(f.repo.store.Own("collect-*")); len(left) > 0 {
		f.t.Errorf("left over: %v", left)
	}
}

func (f *fixture) objectBytes() int64 {
	f.t.Helper()
	return f.repo.store.Size()
}

// Syncs and publications go on while garbage is collected, however long that
// takes, and what they leave is collected as well.
func TestCollectingBesideSyncs(t *testing.T) {
	for _, depth := range []int{0, 1} {
		t.Run(fmt.Sprint("depth ", depth), func(t *testing.T) {
			f := newFixture(t, func(o *Options) { o.GC, o.Depth = GCAlways, depth })
			slow := slowly(f, "before")
			f.sync(f.up.Commit(map[string]string{"a": random(100, 300<<10)}))
			slow.hold()
			for i := range 6 {
				f.beside(f.up.Apply(gitserver.Change{Orphan: true, Files: map[string]string{"a": random(i, 200<<10)}}))
				slow.waits()
			}
			if f.objectBytes() < 1<<20 {
				t.Error("garbage was collected though the collection was held")
			}
			slow.release()
			f.settle()
			if got := f.objectBytes(); got > 500<<10 {
				t.Errorf("%d KiB of objects, though all but 200 are garbage", got>>10)
			}
			list, _ := os.ReadFile(f.repo.store.Path("shallow"))
			if n := strings.Count(string(list), "\n"); n > 1 {
				t.Errorf("%d commits are listed as shallow, want that which is published", n)
			}
			f.whole()
			f.clean()
			f.sync(f.up.Commit(map[string]string{"b": "2"}))
			f.whole()
		})
	}
}

// What was garbage when a collection began, and is asked for again before it
// comes to its end, stays. A fetch does not write what it finds in the store.
func TestCollectingWhatComesBack(t *testing.T) {
	for name, back := range map[string]func(up *gitserver.Repo, first, content string) string{
		"content": func(up *gitserver.Repo, _, content string) string { return up.Commit(map[string]string{"a": content}) },
		"commit":  func(up *gitserver.Repo, first, _ string) string { up.Set("refs/heads/main", first); return first },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(o *Options) { o.GC = GCAlways })
			slow := slowly(f, "after")
			content := noise(20 << 10)
			first := f.up.Commit(map[string]string{"a": content})
			f.sync(first)
			slow.hold()
			f.beside(f.up.Commit(map[string]string{"a": "other"}))
			slow.waits()
			hash := back(f.up, first, content)
			f.beside(hash)
			slow.release()
			f.settle()
			f.whole()
			f.published(hash)
			f.clean()
		})
	}
}

// A sync that waits for the background says so.
func TestBusy(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	if err := f.repo.work.Enter(t.Context(), "collection of garbage"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.repo.Prepare(ctx, git.Overlay{})
	if want := errBusy("collection of garbage", context.Canceled); !errors.Is(err, context.Canceled) || err.Error() != want.Error() || advice.Hint(err) == "" {
		t.Errorf("Prepare while the root is in use: %v", err)
	}
	if _, err := f.repo.Publish(context.WithoutCancel(ctx), Tree{}); !errors.Is(err, errNotPrepared) {
		t.Errorf("Publish of nothing: %v", err)
	}
	f.repo.work.Unlock()
	f.sync(hash)
}

// A submodule's store that is forgotten while garbage is collected is no
// failure, after which nothing would be collected for a while.
func TestCollectingForgottenStore(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	enter := func(ctx context.Context) (leave func(), err error) {
		return f.repo.work.Unlock, f.repo.work.Enter(ctx, "collection of garbage")
	}
	if err := f.repo.store.Collect(t.Context(), f.repo.store.Module("gone"), enter); err != nil {
		t.Errorf("collecting in a store that is gone: %v", err)
	}
	f.clean()
}

// What only the revision before needed is not taken for kept: it is collected
// when the next one has come.
func TestCollectingIsSoonEnough(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Checkout = CheckoutRecycle })
	f.up.BigTree(many)
	f.sync(f.up.Commit(map[string]string{"big": random(0, 300<<10)}))
	f.runs()
	collections := 0
	for i := 1; i < 24; i++ {
		files := map[string]string{"n": fmt.Sprint(i)}
		if i%8 == 1 {
			files["big"] = random(i, 300<<10)
		}
		f.sync(f.up.Commit(files))
		for _, op := range f.runs() {
			if op == "pack-objects" {
				collections++
			}
		}
		if got := f.objectBytes(); i%8 > 4 && got > 550<<10 {
			t.Errorf("update %d: %d KiB of objects, of which one file of 300 KiB is needed", i, got>>10)
		}
	}
	if collections > 12 {
		t.Errorf("%d collections in 23 updates", collections)
	}
}

// A collection that was killed leaves nothing.
func TestCollectingKilled(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	write(t, f.repo.store.Own("collect-x/pack/tmp_pack_1"), "half")
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.whole()
	f.clean()
}

// A collection that fails is tried again, but not at once.
func TestCollectingAgain(t *testing.T) {
	now := time.Now()
	f := newFixture(t, func(o *Options) { o.GC, o.Now = GCAlways, func() time.Time { return now } })
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	r := f.repo
	r.jobs.collect.stop()
	r.report.collected = -1 // something has been fetched since
	ended, cancel := context.WithCancel(t.Context())
	cancel() // every collection fails
	r.collect(ended)
	f.runs()
	r.collect(t.Context())
	if ran := f.runs(); len(ran) > 0 {
		t.Errorf("it is tried again at once: %v", ran)
	}
	now = now.Add(retryCollection)
	r.collect(t.Context())
	if r.fetchedNew() {
		t.Error("it is not tried again")
	}
}

// A push that does not fit ends a collection, which needs room too.
func TestCollectingWhileDiskFull(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Root, o.GC = filepath.Join(smallVolume(t, "4m"), "root"), GCAlways })
	slow := slowly(f, "after")
	f.sync(f.up.Commit(map[string]string{"a": noise(100 << 10)}))
	slow.hold()
	good := f.up.Commit(map[string]string{"a": noise(101 << 10)})
	f.beside(good)
	slow.waits()
	f.up.Commit(map[string]string{"big": noise(6 << 20)})
	if _, err := f.repo.Prepare(t.Context(), git.Overlay{}); !noSpace(err) {
		t.Fatalf("a push that does not fit: %v", err)
	}
	f.whole()
	f.published(good)
	slow.release()
}

// Objects of earlier revisions are removed from a partial clone, too.
func TestCollectingWithFilter(t *testing.T) {
	for filter, depths := range map[string][]int{"blob:none": {1}, "tree:0": {0}} {
		for _, depth := range depths {
			t.Run(fmt.Sprint(filter, " depth ", depth), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, func(o *Options) { o.Filter, o.Depth = filter, depth })
				hash := ""
				for i := range 42 {
					hash = f.up.Commit(map[string]string{"a": random(i, 100<<10), "dir/b": fmt.Sprint(i)})
					f.sync(hash)
				}
				if got := f.objectBytes(); got > 1<<20 {
					t.Errorf("%d KiB of objects for a tree of 100 KiB", got>>10)
				}
				// What is published needs the remote for nothing.
				away := f.up.Dir + ".away"
				if err := os.Rename(f.up.Dir, away); err != nil {
					t.Fatal(err)
				}
				f.whole()
				for _, args := range [][]string{{"status", "--porcelain"}, {"cat-file", "-p", "HEAD:a"}, {"archive", "HEAD"}} {
					if out, err := gitserver.Run(f.link()+"/.", gitserver.Env(), args...); err != nil {
						t.Errorf("git %v without the remote: %v\n%.300s", args, err, out)
					}
				}
				if err := os.Rename(away, f.up.Dir); err != nil {
					t.Fatal(err)
				}
				f.sync(f.up.Commit(map[string]string{"c": "c"}))
				f.clean()
			})
		}
	}
}

// What consumers keep by a ref of their own stays.
func TestCollectingLeavesConsumersCommits(t *testing.T) {
	for _, filter := range []string{"", "blob:none"} {
		t.Run(fmt.Sprint("filter ", filter), func(t *testing.T) {
			f := newFixture(t, func(o *Options) { o.Filter, o.GC = filter, GCAlways })
			f.sync(f.up.Commit(map[string]string{"a": "1"}))
			own := filepath.Join(t.TempDir(), "own")
			write(t, own, "theirs")
			consumer := func(args ...string) string {
				out, err := gitserver.Run(f.link()+"/.", gitserver.Env("GIT_INDEX_FILE="+own+".index"), args...)
				if err != nil {
					t.Fatalf("git %v: %v\n%s", args, err, out)
				}
				return strings.TrimSpace(out)
			}
			consumer("update-index", "--add", "--cacheinfo", "100644,"+consumer("hash-object", "-w", own)+",own")
			consumer("update-ref", "refs/heads/own", consumer("commit-tree", "-m", "own", consumer("write-tree")))
			for i := range 3 {
				f.sync(f.up.Commit(map[string]string{"a": random(i, 1000)}))
			}
			if got := consumer("cat-file", "-p", "own:own"); got != "theirs" {
				t.Errorf("a consumer's file is %q", got)
			}
			f.whole()
		})
	}
}
