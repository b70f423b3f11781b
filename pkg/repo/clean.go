package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/store"
)

// Cleaning up happens in the background, between syncs: Clean starts it, and the next Prepare stops those parts that
// would get in its way. A replaced tree is removed in three steps, and a crash is safe after each: the new tree is
// flushed to the disk; after the stale timeout, the old one is renamed into the trash; the trash is emptied.

// retryRemoval is how long to wait before a failed removal is tried again.
const retryRemoval = time.Minute

// Clean starts to remove what is no longer needed: trees that were replaced longer ago than the stale timeout,
// unfinished trees, and unreachable objects. It does not block. Failures are logged, and retried later.
func (r *Repo) Clean(ctx context.Context) {
	if !r.jobs.done.Load() {
		r.jobs.clean.start(ctx, r.clean)
	}
}

// WaitClean blocks until everything that Clean started has ended, or until ctx ends.
func (r *Repo) WaitClean(ctx context.Context) error {
	for _, j := range []*job{&r.jobs.clean, &r.jobs.remove, &r.jobs.collect} {
		if err := j.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// clean is the work of the clean-up job. It holds the work lock only while it removes something.
func (r *Repo) clean(ctx context.Context) {
	err := r.flushPublished(ctx)
	if err == nil {
		err = r.retireStale(ctx)
	}
	if ctx.Err() != nil || errors.Is(err, errReplaced) {
		return
	}
	if err != nil {
		r.opts.Log.Error(err, "clean-up failed")
	}
	r.describe(ctx)
	// These are separate jobs, because they may take minutes.
	r.jobs.remove.start(ctx, r.emptyTrash)
	r.jobs.collect.start(ctx, r.collect)
}

// describe reads the subject and date of the published commit.
func (r *Repo) describe(ctx context.Context) {
	rev, _ := r.Published()
	if !r.opts.Describe || rev.Hash == "" || rev.Commit.Hash == rev.Hash {
		return
	}
	out, err := r.opts.Git.Run(ctx, git.Cmd("log", "--max-count=1", "--format=%aI%n%s").GitDir(r.store.Dir()).Operand(rev.Hash))
	if err != nil {
		r.opts.Log.V(1).Info("reading the published commit failed", "error", err.Error())
		return
	}
	date, subject, _ := strings.Cut(out.Stdout, "\n")
	authored, _ := time.Parse(time.RFC3339, date) // a date out of range is not shown
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	r.report.revision.Commit = Commit{rev.Hash, strings.ToValidUTF8(strings.TrimSpace(subject), "?"), authored}
}

// replaced returns the trees that are neither published nor about to be. While nothing is published it returns none,
// because nothing may be removed then.
func (r *Repo) replaced() ([]string, error) {
	published := r.current().place
	if published == "" {
		return nil, nil
	}
	places, err := r.places()
	return slices.DeleteFunc(places, func(place string) bool { return place == published || place == r.state.prepared }), err
}

// flushPublished makes sure that the published tree is on the disk before the trees that it replaced are removed: one
// of them then survives a power cut.
func (r *Repo) flushPublished(ctx context.Context) error {
	if err := r.enterOwn(ctx, "clean-up"); err != nil {
		return err
	}
	replaced, err := r.replaced()
	needed := len(replaced)+len(r.trees.Trash.List()) > 0 && r.jobs.unflushed.CompareAndSwap(true, false)
	r.work.Unlock()
	if err != nil || !needed {
		return err
	}
	if err := disk.Flush(r.root); err != nil {
		r.jobs.unflushed.Store(true)
		return fmt.Errorf("writing the published tree to the disk: %w", err)
	}
	return nil
}

// retireStale moves trees whose stale timeout is over out of the root, and removes the admin directories and records
// of trees that no longer exist.
func (r *Repo) retireStale(ctx context.Context) error {
	if err := r.enterOwn(ctx, "removal of replaced trees"); err != nil {
		return err
	}
	defer r.work.Unlock()
	if r.current().place == "" {
		return nil
	}
	replaced, err := r.replaced()
	if err != nil || ctx.Err() != nil || r.jobs.unflushed.Load() && len(replaced) > 0 {
		return errors.Join(err, ctx.Err()) // another tree was published meanwhile: flush that one first
	}
	for _, place := range replaced {
		since, serr := r.replacedAt(place)
		if err = errors.Join(err, serr); r.opts.Now().Sub(since) >= r.opts.StaleTimeout {
			err = errors.Join(err, r.retire(place))
		}
	}
	err = errors.Join(err, r.forgetAdmins())
	if r.state.upToDate {
		err = errors.Join(err, r.dropLFS(), r.store.DiscardNext())
	}
	if err == nil {
		r.jobs.done.Store(r.state.upToDate && len(replaced)+len(r.trees.Trash.List()) == 0 && !r.fetchedNew())
	}
	return err
}

// retire moves a tree that is not published out of the root.
func (r *Repo) retire(place string) error {
	_, err := r.replacedAt(place)
	if err = errors.Join(err, r.recycler.Keep(place)); err != nil {
		return fmt.Errorf("removing the tree %s: %w", place, err)
	}
	if dir := filepath.Dir(place); dir != r.opts.Layout.Dir() && dir != "." {
		_ = os.Remove(filepath.Join(r.root, dir)) // of the other layout; this fails until the directory is empty
	}
	return nil
}

// forgetAdmins removes the admin directories that belong to no tree, and those of their submodules.
func (r *Repo) forgetAdmins() error {
	live, modules, err := r.live()
	if err != nil {
		return err
	}
	stores, err := r.store.All()
	if err != nil {
		return err
	}
	for _, st := range stores {
		if r.state.upToDate && st != r.store && !modules[filepath.Base(st.Dir())] {
			err = st.Discard()
		} else {
			err = st.Forget(live)
		}
		if err != nil {
			return err
		}
	}
	r.records.Retain(live)
	return nil
}

// live returns the admin directories of existing trees, and the submodule stores that those trees use.
func (r *Repo) live() (admins, modules map[string]bool, err error) {
	admins, modules = map[string]bool{}, map[string]bool{}
	places, err := r.places()
	unfinished, uerr := r.unfinished()
	if err = errors.Join(err, uerr); err != nil {
		return nil, nil, err
	}
	var dirs []string
	for _, place := range append(places, unfinished...) {
		dirs = append(dirs, filepath.Join(r.root, place))
	}
	if id := r.current().rec.ID; id != "" {
		admins[id] = true // of the tree that was copied: its record identifies what is published
	}
	if spare, ok := r.recycler.Spare(); ok {
		dirs = append(dirs, spare.Dir)
	}
	for _, dir := range dirs {
		admin, err := disk.ReadGitlink(dir)
		if err != nil {
			continue
		}
		id := filepath.Base(admin)
		admins[id] = true
		rec, _ := r.records.ByID[id]
		for _, m := range rec.Modules {
			admins[m.Admin] = true
			modules[m.Store] = true
		}
	}
	return admins, modules, nil
}

// dropLFS removes the files that git-lfs has fetched. The tree contains them already, and every further version would
// take the same space again.
func (r *Repo) dropLFS() error {
	stores, err := r.store.All()
	for _, st := range stores {
		err = errors.Join(err, r.trees.Trash.Discard(st.Path(disk.LFSName)))
	}
	return err
}

// emptyTrash empties the trash. Files that cannot be removed, for example because another UID wrote them, are counted
// and tried again later.
func (r *Repo) emptyTrash(ctx context.Context) {
	if !r.jobs.remove.due(r.opts.Now()) {
		return
	}
	stuck := 0
	var last error
	r.trees.Trash.Empty(ctx, func(name string, err error) {
		stuck, last = stuck+1, err
		r.opts.Log.V(1).Info("removal failed", "path", name, "error", err.Error())
	})
	if ctx.Err() != nil {
		return
	}
	if stuck > 0 {
		r.jobs.remove.pause(r.opts.Now().Add(retryRemoval))
	}
	r.count(func(s *Stats) {
		if stuck > 0 && s.Stuck == 0 {
			r.opts.Log.Error(last, "replaced trees cannot be removed", "count", stuck, "dir", r.trees.Trash.Dir(),
				"hint", "files were written into the published tree by another user")
		}
		s.Stuck = stuck
	})
}

// retryCollection is how long to wait after a failed garbage collection. It is short, because a busy upstream may
// push a lot in a minute.
const retryCollection = 10 * time.Second

// fetchedNew reports whether anything was fetched since the last garbage collection.
func (r *Repo) fetchedNew() bool {
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	return r.report.stats.Fetches != r.report.collected
}

// collect drops unreachable objects where the store has enough of them.
func (r *Repo) collect(ctx context.Context) {
	if !r.jobs.collect.due(r.opts.Now()) {
		return
	}
	err := r.collectAll(ctx)
	if err == nil {
		return
	}
	r.jobs.collect.pause(r.opts.Now().Add(retryCollection))
	if ctx.Err() == nil {
		r.opts.Log.Error(err, "garbage collection failed", "retryIn", retryCollection.String())
	}
}

func (r *Repo) collectAll(ctx context.Context) error {
	if err := r.enterOwn(ctx, "garbage collection"); err != nil {
		return err
	}
	var stores []*store.Store
	fetches := r.Stats().Fetches
	err := r.store.NoteNew()
	if err == nil && r.fetchedNew() {
		stores, err = r.store.WorthCollecting()
	}
	for _, st := range stores {
		if r.state.upToDate {
			err = errors.Join(err, st.DropUnusedCommits())
		}
	}
	r.work.Unlock()
	for _, st := range stores {
		err = errors.Join(err, r.store.Collect(ctx, st, func(ctx context.Context) (leave func(), err error) {
			return r.work.Unlock, r.enterOwn(ctx, "garbage collection")
		}))
	}
	if err != nil {
		return err
	}
	if len(stores) > 0 {
		if err := r.enterOwn(ctx, "garbage collection"); err != nil {
			return err
		}
		r.noteStore()
		r.work.Unlock()
	}
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	r.report.collected = fetches
	return nil
}
