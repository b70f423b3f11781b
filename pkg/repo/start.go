package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/outlet"
)

// buildPrefix begins the name of a tree that is being made.
const buildPrefix = disk.TempPrefix + "build-"

// begin makes the root fit for work: every time it removes stale locks, and
// the first time it also finishes or clears away what an earlier run has left,
// and looks closely at what is published.
func (r *Repo) begin(ctx context.Context) error {
	if r.state.started {
		r.inspect(ctx)
		return r.beginAgain()
	}
	// What Open has looked at may be another's by now: it may have waited for
	// the lock, and the root may have been replaced.
	if err := errors.Join(checkRoot(r.root), r.outlet.Check()); err != nil {
		return err
	}
	r.state.since = r.opts.Now()
	r.state.unflushed = true // the process that published it may have been killed before it was flushed
	if err := r.store.Reopen(); err != nil {
		return err
	}
	if err := errors.Join(r.outlet.Heal(), r.discardUnfinished()); err != nil {
		return err
	}
	if r.store.Usable() {
		if err := errors.Join(r.store.Heal(), r.store.HealWorktreeLocks(r.state.since, r.opts.Now())); err != nil {
			return err
		}
		if err := r.records.Load(); err != nil {
			return err
		}
		r.store.Examine()
		r.rememberStore()
	}
	r.inspect(ctx)
	if err := errors.Join(r.keepLayout(), r.verifyPublished(ctx)); err != nil {
		return err
	}
	if r.current().place != "" && r.store.Usable() {
		r.removeFormerLink() // the process that published may have been killed before that
	}
	r.state.started, r.state.checked = true, true
	if r.observe(""); r.state.condition != unverified {
		r.jobs.verification.failed(r.opts.Now(), verifyPeriod, verifyPeriod)
	}
	return nil
}

// examinePeriod is how often the store is looked at between updates: a walk
// costs a tenth of a poll.
const examinePeriod = 5 * time.Second

// beginAgain is begin for every sync but the first.
func (r *Repo) beginAgain() error {
	if !isOurStore(r.store.Dir()) {
		r.store.Load()
	}
	if r.store.Err != nil {
		return r.store.Err
	}
	if !r.store.Usable() {
		// The store was removed: it is made again, unless something
		// else is in its place.
		r.records.Forget()
		return checkRoot(r.root)
	}
	now := r.opts.Now()
	if now.Sub(r.state.examined) < examinePeriod {
		return nil // and fetching removes what would be in its own way
	}
	r.state.examined = now
	r.store.ExamineIfChanged()
	return errors.Join(r.store.HealLocks(), r.store.HealWorktreeLocks(r.state.since, now))
}

// rememberStore notes the state in which git left the store, and that there may be something to clean up.
func (r *Repo) rememberStore() {
	r.jobs.done.Store(false)
	if inv, err := r.store.Remember(); err == nil {
		r.count(func(s *Stats) { s.ObjectBytes = inv.Bytes })
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

// unfinished returns the trees, relative to the root, that are not in their place
// yet.
func (r *Repo) unfinished() ([]string, error) {
	var places []string
	for _, dir := range outlet.Dirs() {
		entries, err := os.ReadDir(filepath.Join(r.root, dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("looking for leftovers: %w", err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), buildPrefix) {
				places = append(places, filepath.Join(dir, e.Name()))
			}
		}
	}
	return places, nil
}

// half returns ctx with half of the time that is left to it.
func (r *Repo) half(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	now := r.opts.Now()
	return context.WithDeadline(ctx, now.Add(deadline.Sub(now)/2))
}
