package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// begin makes the root fit for work: every time it removes stale locks, and
// the first time it also finishes or clears away what an earlier run has left,
// and looks closely at what is published.
func (r *Repo) begin(ctx context.Context) error {
	if r.started {
		return r.beginAgain()
	}
	// What Open has looked at may be another's by now: it may have waited for
	// the lock, and the root may have been replaced.
	if err := errors.Join(r.checkRoot(), r.checkLink()); err != nil {
		return err
	}
	r.since = r.opts.Now()
	r.unflushed = true // whoever published it may have been killed before it was flushed
	if err := r.healStores(); err != nil {
		return err
	}
	if err := errors.Join(r.healLinks(), r.healTemporary()); err != nil {
		return err
	}
	if r.store.usable() {
		if err := errors.Join(r.healWrites(), r.healWorktreeLocks()); err != nil {
			return err
		}
		if err := r.loadRecords(); err != nil {
			return err
		}
		r.examineStores()
		r.remember()
	}
	if err := r.inspect(ctx); err != nil {
		return err
	}
	if _, _, ok := r.published(); ok && r.store.usable() {
		r.dropFormerLink() // whoever published may have been killed before that
	}
	r.started, r.looked = true, true
	r.observe("")
	return nil
}

// noticePeriod is how often the store is looked at between updates: a walk
// costs a tenth of a poll.
const noticePeriod = 5 * time.Second

// beginAgain is begin for every sync but the first.
func (r *Repo) beginAgain() error {
	if !isOurStore(r.store.dir) {
		r.store.load()
	}
	if r.store.err != nil {
		return r.store.err
	}
	if !r.store.usable() {
		// Somebody has removed the store: it is made again, unless something
		// else is in its place.
		clear(r.records)
		return r.checkRoot()
	}
	now := r.opts.Now()
	if now.Sub(r.noticed) < noticePeriod {
		return nil // and fetching removes what would be in its own way
	}
	r.noticed = now
	r.notice()
	return errors.Join(r.store.healLocks(), r.healWorktreeLocks())
}

// healWrites removes what interrupted fetches, and writes of ours, have left in
// the stores, submodules' included.
func (r *Repo) healWrites() error {
	stores, err := r.moduleStores()
	for _, st := range append(stores, r.store) {
		err = errors.Join(err, st.healLocks(), st.healObjects(), st.healAdmins(), st.dropLFSLogs(), st.eachScratch(r.discard))
	}
	return err
}

// lockAge is after how long a lock in a worktree is taken for a dead
// process's. Consumers may run git in a published tree, which holds a lock
// for moments.
const lockAge = 10 * time.Second

// healWorktreeLocks removes locks from the worktrees' admin directories that
// are old, or older than this process's hold of the root. A submodule is a
// worktree of a store of its own.
func (r *Repo) healWorktreeLocks() error {
	names, err := glob(r.store.dir, adminDirName+"/*/*.lock")
	inModules, merr := glob(r.store.dir, ownDirName+"/modules/*/"+adminDirName+"/*/*.lock")
	err = errors.Join(err, merr)
	for _, name := range append(names, inModules...) {
		info, serr := os.Lstat(name)
		if serr != nil {
			continue // gone meanwhile
		}
		if at := info.ModTime(); at.Before(r.since) || r.opts.Now().Sub(at) > lockAge {
			err = errors.Join(err, remove(name))
		}
	}
	if err != nil {
		return fmt.Errorf("removing stale locks of worktrees: %w", err)
	}
	return nil
}

// healStores finishes an interrupted change of stores: without a .git, a new
// store that is ready takes its place; else what was aside is a leftover.
func (r *Repo) healStores() error {
	now, next := filepath.Join(r.root, gitDirName), filepath.Join(r.root, nextStore)
	if !exists(now) {
		aside := r.newStore(next)
		if aside.err == nil && !aside.meta.Ready {
			aside = r.newStore(filepath.Join(r.root, oldStore))
		}
		if aside.err != nil {
			return aside.err
		}
		if aside.usable() {
			if err := os.Rename(aside.dir, now); err != nil {
				return fmt.Errorf("restoring the store: %w", err)
			}
		}
	}
	if r.store = r.newStore(now); r.store.err != nil {
		return r.store.err
	}
	var err error
	for _, name := range []string{nextStore, oldStore} {
		err = errors.Join(err, r.discard(filepath.Join(r.root, name)))
	}
	return err
}

// healTemporary removes unfinished trees.
func (r *Repo) healTemporary() error {
	var all error
	for _, dir := range []string{".", worktreesDir} {
		entries, err := os.ReadDir(filepath.Join(r.root, dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("looking for leftovers: %w", err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), buildPrefix) {
				all = errors.Join(all, r.discard(filepath.Join(r.root, dir, e.Name())))
			}
		}
	}
	return all
}

// inspect looks closely at the published tree, which may have been damaged
// while nobody looked. A check that failed otherwise than by the end of its time
// is made once more, for a lack of descriptors or processes passes.
func (r *Repo) inspect(ctx context.Context) error {
	ctx, cancel := r.half(ctx) // so that slow checks do not keep updates away
	defer cancel()
	rec, v := r.verifyPublished(ctx)
	if v == verdictUnknown && ctx.Err() == nil {
		rec, v = r.verifyPublished(ctx)
	}
	return r.conclude(rec, v)
}

// verifyPublished is verify for the published tree; unknown, without a record,
// when there is none that passes the cheap checks, which see it at every sync,
// or when it is to be made anew and would seem damaged, its files being filtered
// in another way.
func (r *Repo) verifyPublished(ctx context.Context) (record, verdict) {
	rel, _, ok := r.published()
	if !ok {
		return record{}, verdictUnknown
	}
	rec, ok := r.recordOf(rel)
	if !ok || !r.intact(rel, rec) || !r.lfsAsNow(rec) {
		return record{}, verdictUnknown
	}
	return rec, r.verify(ctx, rec)
}

// conclude draws the consequences of a close look at the published tree. Only
// what is proved counts: a check that was killed or timed out leaves things as
// they are.
func (r *Repo) conclude(rec record, v verdict) error {
	path := filepath.Join(r.root, rec.Place)
	switch {
	case v == verdictIntact:
		r.checked[rec.id] = true
		if boot := bootID(); rec.Boot != boot {
			rec.Boot = boot
			r.records[rec.id] = rec
			return saveRecord(r.store, rec)
		}
	case v == verdictDamaged:
		r.log.Info("the published tree differs from its commit, making it anew", "path", path)
		r.damaged[rec.id] = true
	case rec.id != "":
		r.log.V(1).Info("the published tree could not be checked, keeping it", "path", path)
	}
	return nil
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
