package repo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/worktree"
	"git-sync/test/gitserver"
)

// away makes the remote one that cannot be found, and returns what brings it back.
func (f *fixture) away() (back func()) {
	f.t.Helper()
	rename := func(from, to string) {
		f.t.Helper()
		if err := os.Rename(from, to); err != nil {
			f.t.Fatal(err)
		}
	}
	rename(f.up.Dir, f.up.Dir+".away")
	return func() { rename(f.up.Dir+".away", f.up.Dir) }
}

// fails makes one sync, which is to fail.
func (f *fixture) fails() {
	f.t.Helper()
	if tree, err := f.try(); err == nil {
		f.t.Fatalf("no error while the remote is away: %+v", tree)
	}
}

// isIn checks whether what is published is said to be fit for use.
func (f *fixture) isIn(want condition) {
	f.t.Helper()
	if rev, _ := f.repo.Published(); rev.Unusable != want.why() {
		f.t.Errorf("what is published is not to be used because %q, want %q", rev.Unusable, want.why())
	}
}

// otherBoot makes the record of a tree say that it was written before a power cut.
func (f *fixture) otherBoot(tree Tree) {
	f.t.Helper()
	rec := tree.rec
	rec.Boot = "another"
	records := worktree.NewRecords(f.opts.Root, disk.GitDir{Name: filepath.Join(f.opts.Root, ".git")})
	if err := records.Save(rec); err != nil {
		f.t.Fatal(err)
	}
}

// W8, W11 and D2 while the remote is away: what is damaged is made anew from the
// store at once, and the sync has failed nevertheless.
func TestRestore(t *testing.T) {
	for name, damage := range map[string]func(f *fixture, tree Tree){
		"tree":    func(_ *fixture, tree Tree) { remove2(t, tree.Path) },
		"link":    func(f *fixture, _ Tree) { remove2(t, f.link()) },
		"gitlink": func(_ *fixture, tree Tree) { remove2(t, filepath.Join(tree.Path, ".git")) },
		"admin":   func(f *fixture, tree Tree) { remove2(t, f.repo.store.Admin(tree.rec.ID)) },
	} {
		for _, restart := range []bool{false, true} {
			if name == "link" && restart {
				continue // nobody knows any more what it was
			}
			t.Run(fmt.Sprint(name, " restart ", restart), func(t *testing.T) {
				f := newFixture(t)
				hash := f.up.Commit(map[string]string{"a": "1", "dir/b": "2"})
				tree := f.sync(hash)
				f.isIn(intact)
				back := f.away()
				damage(f, tree)
				if restart {
					if err := f.restart(); err != nil {
						t.Fatal(err)
					}
				}
				f.fails()
				f.isIn(intact)
				back()
				f.published(hash)
				f.clean()
				if f.sync(hash).New {
					t.Error("what was restored is made once more")
				}
			})
		}
	}
}

// D10 while the remote is away.
func TestRestoreAfterPowerCut(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "content", "b": "more"})
	tree := f.sync(hash)
	f.stop()
	truncate(t, filepath.Join(tree.Path, "a"), 0)
	f.otherBoot(tree)
	back := f.away()
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	f.isIn(unchecked)
	f.fails()
	f.isIn(intact)
	back()
	f.published(hash)
	f.clean()
}

// What is intact stays as it is, and is fit, while the remote is away.
func TestIntactWithoutTheRemote(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	before, err := os.Stat(f.link())
	if err != nil {
		t.Fatal(err)
	}
	f.away()
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	f.isIn(unchecked)
	for range 2 {
		f.fails()
		f.isIn(intact)
	}
	if after, err := os.Stat(f.link()); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was replaced (%v)", err)
	}
}

// What cannot be made from the store stays, and is not fit.
func TestNotRestorable(t *testing.T) {
	for name, spoil := range map[string]func(f *fixture){
		"the store is corrupt": func(f *fixture) {
			err := eachObject(f.repo.store.Dir(), func(name string, info os.FileInfo) error {
				truncate(t, name, info.Size()/2)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		},
		"an object is cut": func(f *fixture) {
			blob := f.up.Rev("main:a")
			truncate(t, f.repo.store.Path("objects/"+blob[:2]+"/"+blob[2:]), 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			hash := f.up.Commit(map[string]string{"a": "content", "b": "more"})
			tree := f.sync(hash)
			spoil(f)
			f.stop()
			truncate(t, filepath.Join(tree.Path, "a"), 0)
			f.otherBoot(tree)
			back := f.away()
			for range 2 {
				f.fails()
				f.isIn(damaged)
			}
			if data, err := os.ReadFile(filepath.Join(f.link(), "b")); err != nil || string(data) != "more" {
				t.Errorf("what was published is not any more: %q, %v", data, err)
			}
			back()
			f.sync(hash)
			f.isIn(intact)
			f.clean()
		})
	}
}

// A ref that is gone is no remote that is away.
func TestNothingIsRestoredForADeletedRef(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Ref = "other" })
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.up.BranchAt("other", hash)
	tree := f.sync(hash)
	f.up.Unset("refs/heads/other")
	remove2(t, tree.Path)
	f.fails()
	f.isIn(missing)
	if disk.Exists(tree.Path) {
		t.Error("it was made anew")
	}
}

// W1: a silent remote leaves time enough.
func TestRestoreFromASilentRemote(t *testing.T) {
	f := newFixture(t)
	srv := gitserver.HTTP(t, f.up)
	f.opts.URL, f.timeout = srv.RepoURL(f.up), 5*time.Second
	hash := f.up.Commit(map[string]string{"a": "1"})
	tree := f.sync(hash)
	srv.Fail(gitserver.Rule{Do: gitserver.Silence()})
	remove2(t, tree.Path)
	f.fails()
	f.published(hash)
	f.isIn(intact)
}

// A tag that was pinned stays what it is when its tree is restored.
func TestRestoreKeepsThePin(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Ref, o.RefPinned = "v1", true })
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.up.AnnotatedTag("v1", hash)
	tree := f.sync(hash)
	back := f.away()
	remove2(t, tree.Path)
	f.fails()
	f.published0(hash)
	back()
	f.sync(hash)
}

// Another git-sync that holds the root keeps up what is published.
func TestFitWhileWaiting(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	second, err := Open(f.opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := second.Prepare(ctx, git.Overlay{}); err == nil || !strings.Contains(err.Error(), "waiting") {
		t.Errorf("the second one: %v", err)
	}
	if rev, _ := second.Published(); rev.Unusable != "" {
		t.Errorf("to the one that waits it is not to be used because %s", rev.Unusable)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
