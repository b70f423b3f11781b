package repo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"

	"git-sync/test/harness"
)

// TestCloseKeepsTheLock: the lock on the root is held until nothing works on the
// root any more, for another git-sync begins as soon as it is free.
func TestCloseKeepsTheLock(t *testing.T) {
	for name, work := range map[string]func(f *fixture, ended <-chan struct{}){
		"background": func(f *fixture, ended <-chan struct{}) {
			f.repo.jobs.remove.start(t.Context(), func(context.Context) { <-ended })
		},
		"stuck sync": func(f *fixture, ended <-chan struct{}) {
			if err := f.repo.work.Enter(t.Context(), "sync"); err != nil {
				t.Fatal(err)
			}
			r := f.repo
			go func() {
				<-ended
				r.work.Unlock()
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			hash := f.up.Commit(map[string]string{"a": "1"})
			f.sync(hash)
			ended, closed := make(chan struct{}), make(chan error, 1)
			work(f, ended)
			first := f.repo
			go func() { closed <- first.Close() }()
			harness.Until(t, "closing to begin", func() bool {
				first.jobs.verify.mu.Lock()
				defer first.jobs.verify.mu.Unlock()
				return first.jobs.verify.closed
			})

			second, err := Open(f.opts)
			if err != nil {
				t.Fatal(err)
			}
			f.repo = second
			ctx, cancel := context.WithTimeout(t.Context(), 5*lockRetry)
			defer cancel()
			_, err = second.Prepare(ctx, git.Overlay{})
			if !errors.Is(err, errLocked) {
				t.Errorf("a second git-sync begins before the first one has ended: %v", err)
			}
			close(ended)
			if err := <-closed; err != nil {
				t.Error(err)
			}
			f.sync(hash)
			f.clean()
		})
	}
}

// TestClosedRepoChangesNothing: what is late, a publication or a removal of replaced
// trees, does nothing once the root is another one's.
func TestClosedRepoChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	f.up.Commit(map[string]string{"a": "2"})
	tree, err := f.repo.Prepare(t.Context(), git.Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	first := f.repo
	f.stop()
	hash := f.up.Commit(map[string]string{"a": "3"})
	f.sync(hash)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := first.Publish(ctx, tree); !errors.Is(err, errReplaced) {
		t.Errorf("publishing: %v", err)
	}
	if err := first.retireStale(ctx); !errors.Is(err, errReplaced) {
		t.Errorf("removing old trees: %v", err)
	}
	if err := first.collectAll(ctx); !errors.Is(err, errReplaced) {
		t.Errorf("collecting garbage: %v", err)
	}
	cancel()
	if err := f.repo.retireStale(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a removal that is cancelled before it begins: %v", err)
	}
	f.published(hash)
}

// TestCollectingInAReplacedRoot: a collection that ends in a root
// whose lock it has lost moves no file.
func TestCollectingInAReplacedRoot(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.GC = GCAlways })
	slow := slowly(f, "after")
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	slow.hold()
	f.beside(f.up.Commit(map[string]string{"a": "2"}))
	slow.waits()
	root := f.opts.Root
	err := errors.Join(os.Rename(root, root+".old"), os.Mkdir(root, 0o777), os.Rename(filepath.Join(root+".old", disk.GitName), filepath.Join(root, disk.GitName)))
	if err != nil {
		t.Fatal(err)
	}
	before := objects(t, f)
	slow.release()
	f.settle()
	if after := objects(t, f); len(keys(before, after)) != len(before) || len(after) != len(before) {
		t.Errorf("the store held %v, and now %v", keys(before), keys(after))
	}
}

func objects(t *testing.T, f *fixture) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	err := eachObject(f.repo.store.Dir(), func(name string, info os.FileInfo) error {
		all[name] = info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
