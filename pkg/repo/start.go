package repo

import (
	"context"
	"errors"
	"path/filepath"

	"git-sync/pkg/repo/internal/disk"
)

// buildPrefix begins the name of an unfinished tree.
const buildPrefix = disk.TempPrefix + "build-"

// begin prepares the root for work. Each time it removes stale locks. The first time it also removes the leftovers of
// earlier runs, and verifies the published tree.
func (r *Repo) begin(ctx context.Context) error {
	if r.state.started {
		r.inspect(ctx)
		return r.beginAgain()
	}
	// Check again what Open has checked: this process may have waited for the lock, and the root may have been
	// replaced.
	if err := errors.Join(checkRoot(r.root), r.outlet.Check(), r.checkWritable(r.store.Dir(), r.store.Path(disk.OwnName))); err != nil {
		return err
	}
	r.state.since = r.opts.Now()
	r.jobs.unflushed.Store(true) // the previous process may have been killed before the flush
	if err := r.store.Reopen(); err != nil {
		return err
	}
	if err := errors.Join(r.outlet.Heal(), r.discardUnfinished()); err != nil {
		return err
	}
	r.jobs.remove.start(ctx, r.removeLeftovers)
	if r.store.Usable() {
		if err := errors.Join(r.store.Heal(), r.store.HealWorktreeLocks(r.state.since, r.opts.Now())); err != nil {
			return err
		}
		if err := r.records.Load(); err != nil {
			return err
		}
		r.store.MarkCorrupt(r.store.FindDamage())
		r.noteStore()
	}
	r.inspect(ctx)
	if err := errors.Join(r.keepLayout(), r.verifyPublished(ctx)); err != nil {
		return err
	}
	if r.current().place != "" && r.store.Usable() {
		r.removeFormerLinks() // the previous process may have been killed before that
	}
	r.state.started, r.state.checked = true, true
	if r.refreshReport(""); r.state.condition != unverified {
		r.jobs.verify.pause(r.opts.Now().Add(verifyPeriod))
	}
	return nil
}

// beginAgain is begin for all later syncs.
func (r *Repo) beginAgain() error {
	if !isOurStore(r.store.Dir()) {
		r.store.Load()
	}
	if r.store.Err != nil {
		return r.store.Err
	}
	if !r.store.Usable() {
		// The store was removed. It is made again, unless something else is in its place.
		r.records.Forget()
		return checkRoot(r.root)
	}
	return errors.Join(r.store.HealLocks(), r.store.HealWorktreeLocks(r.state.since, r.opts.Now()))
}

// noteStore updates the size of the store, and notes that there may be something to clean up.
func (r *Repo) noteStore() {
	r.jobs.done.Store(false)
	r.count(func(s *Stats) { s.ObjectBytes = r.store.Size() })
}

// removeLeftovers empties the trash of earlier runs. Normally the trash is emptied after a sync, so syncs that fail
// or are killed each time would fill the disk. The replacements must be on the disk before that.
func (r *Repo) removeLeftovers(ctx context.Context) {
	if len(r.trees.Trash.List()) > 0 && disk.Flush(r.root) == nil {
		r.emptyTrash(ctx)
	}
}

// discardUnfinished removes unfinished trees.
func (r *Repo) discardUnfinished() error {
	places, err := r.unfinished()
	for _, place := range places {
		err = errors.Join(err, r.trees.Trash.Discard(filepath.Join(r.root, place)))
	}
	return err
}

// half returns ctx with half of its remaining time.
func (r *Repo) half(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	now := r.opts.Now()
	return context.WithDeadline(ctx, now.Add(deadline.Sub(now)/2))
}
