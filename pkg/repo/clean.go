package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/outlet"
	"git-sync/pkg/repo/store"
)

// Cleaning up happens in the background, between syncs: Clean starts it, the
// next Prepare ends what of it would be in the way. What is replaced goes in
// three steps, each of which may be the last one before a crash: the new tree
// is flushed to the disk; the old one is renamed into the trash, after the
// grace; the trash is emptied.

// retryRemoval is how long what could not be removed is left before it is tried
// again.
const retryRemoval = time.Minute

// Clean starts to remove what is no longer needed: trees out of publication
// for longer than the stale timeout, half-made ones, unreachable objects. It
// returns at once. What fails is logged and tried again.
func (r *Repo) Clean(ctx context.Context) {
	if !r.jobs.done.Load() {
		r.jobs.clean.start(ctx, r.clean)
	}
}

// Settle waits until what Clean started is done, or ctx ends.
func (r *Repo) Settle(ctx context.Context) error {
	for _, j := range []*job{&r.jobs.clean, &r.jobs.remove, &r.jobs.collect} {
		if err := j.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// clean is the background's work. It runs without the work lock but for the
// moments in which it takes something away.
func (r *Repo) clean(ctx context.Context) {
	err := r.flushPublished(ctx)
	if err == nil {
		err = r.retireStale(ctx)
	}
	if ctx.Err() != nil || errors.Is(err, errReplaced) {
		return
	}
	if err != nil {
		r.opts.Log.Error(err, "cleaning up")
	}
	// On their own, for they may take minutes.
	r.jobs.remove.start(ctx, r.emptyTrash)
	r.jobs.collect.start(ctx, r.collect)
}

// replaced returns the trees that are neither published nor about to be; none
// while nothing is published, for then nothing may be removed.
func (r *Repo) replaced() ([]string, error) {
	published := r.current().place
	if published == "" {
		return nil, nil
	}
	places, err := r.places()
	return slices.DeleteFunc(places, func(place string) bool { return place == published || place == r.state.prepared }), err
}

// flushPublished sees to it that what was published is on the disk before what
// it replaced is taken away: a power cut then finds one of them whole.
func (r *Repo) flushPublished(ctx context.Context) error {
	if err := (ownRoot{r}).Enter(ctx, "clean-up"); err != nil {
		return err
	}
	replaced, err := r.replaced()
	needed := r.state.unflushed && len(replaced)+len(r.trees.Trash.List()) > 0
	if needed {
		r.state.unflushed = false
	}
	r.work.Unlock()
	if err != nil || !needed {
		return err
	}
	if err = disk.Flush(r.root); err == nil {
		return nil
	}
	if lerr := r.work.Enter(context.WithoutCancel(ctx), "clean-up"); lerr != nil {
		return errors.Join(err, lerr)
	}
	defer r.work.Unlock()
	r.state.unflushed = true
	return fmt.Errorf("writing the published tree to the disk: %w", err)
}

// retireStale moves trees whose time is up out of the root, and forgets what
// belongs to no tree.
func (r *Repo) retireStale(ctx context.Context) error {
	if err := (ownRoot{r}).Enter(ctx, "removal of old trees"); err != nil {
		return err
	}
	defer r.work.Unlock()
	if r.current().place == "" {
		return nil
	}
	replaced, err := r.replaced()
	if err != nil || ctx.Err() != nil || r.state.unflushed && len(replaced) > 0 {
		return errors.Join(err, ctx.Err()) // published anew meanwhile: flush that first
	}
	for _, place := range replaced {
		since, serr := r.replacedAt(place)
		if err = errors.Join(err, serr); r.opts.Now().Sub(since) >= r.opts.StaleTimeout {
			err = errors.Join(err, r.retire(place))
		}
	}
	err = errors.Join(err, r.removeOlderLinks(), r.forgetAdmins())
	if r.state.settled {
		err = errors.Join(err, r.dropLFS(), r.store.DiscardAside())
	}
	if err == nil {
		r.jobs.done.Store(r.state.settled && len(replaced)+len(r.trees.Trash.List()) == 0 && !r.grown())
	}
	return err
}

// retire takes a tree that is not published out of the root.
func (r *Repo) retire(place string) error {
	_, err := r.replacedAt(place)
	if rec, recorded := r.records.At(place); !recorded || rec.Older {
		// Links that the older git-sync published would lead nowhere.
		err = errors.Join(err, outlet.RemoveLinksTo(r.root, place, r.outlet.Path()))
	}
	if err = errors.Join(err, r.recycler.Keep(place)); err != nil {
		return fmt.Errorf("removing the tree %s: %w", place, err)
	}
	delete(r.state.replaced, place)
	if dir := filepath.Dir(place); dir != r.opts.Layout.Dir() && dir != "." {
		_ = os.Remove(filepath.Join(r.root, dir)) // of the other layout; goes when it is empty
	}
	return nil
}

// forgetAdmins removes the admin directories that belong to no tree, with
// those of their submodules.
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
		if r.state.settled && st != r.store && !modules[filepath.Base(st.Dir())] {
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

// live returns the admin directories that belong to trees, and the submodules'
// stores that trees use.
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
		admins[id] = true // of the tree that was copied, whose record says what is published
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
		rec, _ := r.records.ByID(id)
		for _, m := range rec.Modules {
			admins[m.Admin] = true
			modules[m.Store] = true
		}
	}
	return admins, modules, nil
}

// dropLFS removes what git-lfs has fetched: it is in the tree, and would take
// the same room again with every version.
func (r *Repo) dropLFS() error {
	stores, err := r.store.All()
	for _, st := range stores {
		err = errors.Join(err, r.trees.Trash.Discard(st.Path(disk.LFSName)))
	}
	return err
}

// emptyTrash removes what is in the trash. What cannot be removed, files of
// another UID in a tree perhaps, is counted, and left for later.
func (r *Repo) emptyTrash(ctx context.Context) {
	if !r.jobs.removal.due(r.opts.Now()) {
		return
	}
	stuck := 0
	r.trees.Trash.Empty(ctx, func(name string, err error) {
		stuck++
		r.opts.Log.V(1).Info("could not be removed, trying again later", "path", name, "cause", err.Error())
	})
	if ctx.Err() != nil {
		return
	}
	if stuck > 0 {
		r.jobs.removal.failed(r.opts.Now(), retryRemoval, retryRemoval)
	}
	r.count(func(s *Stats) {
		if stuck > 0 && s.Stuck == 0 {
			r.opts.Log.Info("replaced trees cannot be removed; they are set aside and tried again", "count", stuck, "dir", r.trees.Trash.Dir(),
				"hint", "files were written into the published tree by another user")
		}
		s.Stuck = stuck
	})
}

// A collection of garbage that failed is tried again after a second at least, and a
// minute at most. A busy upstream may push a lot in a minute.
const (
	minCollectionWait = time.Second
	maxCollectionWait = time.Minute
)

// grown reports whether anything was fetched since garbage was last collected.
func (r *Repo) grown() bool {
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	return r.report.stats.Fetches != r.report.collected
}

// collect drops unreachable objects where that is worth it.
func (r *Repo) collect(ctx context.Context) {
	if !r.jobs.collection.due(r.opts.Now()) {
		return
	}
	err := r.collectAll(ctx)
	if err == nil {
		r.jobs.collection.reset()
		return
	}
	wait := r.jobs.collection.failed(r.opts.Now(), minCollectionWait, maxCollectionWait)
	if ctx.Err() == nil {
		r.opts.Log.Error(err, "collecting garbage; it is tried again later", "retryIn", wait.String())
	}
}

func (r *Repo) collectAll(ctx context.Context) error {
	if err := (ownRoot{r}).Enter(ctx, "garbage collection"); err != nil {
		return err
	}
	var stores []*store.Store
	fetches := r.Stats().Fetches
	err := r.store.NoteNew()
	if err == nil && r.grown() {
		stores, err = r.store.WorthCollecting()
	}
	for _, st := range stores {
		if r.state.settled {
			err = errors.Join(err, st.DropUnusedCommits())
		}
	}
	r.work.Unlock()
	for _, st := range stores {
		err = errors.Join(err, r.store.Collect(ctx, st, ownRoot{r}))
	}
	if err != nil {
		return err
	}
	if len(stores) > 0 {
		if err := (ownRoot{r}).Enter(ctx, "garbage collection"); err != nil {
			return err
		}
		r.rememberStore()
		r.work.Unlock()
	}
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	r.report.collected = fetches
	return nil
}
