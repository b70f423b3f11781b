package repo

import (
	"context"
	"path/filepath"
	"time"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/recycle"
	"git-sync/pkg/repo/worktree"
)

// A power cut may have damaged a tree that was written during another boot. If the first sync had no time to verify
// it, it is verified again in the background, without the sync's deadline: comparing the content of a big tree may
// take longer than that.
//
// Intact trees and the store are verified periodically too, because another program may remove files. Files that were
// edited, for example by a hook, are left alone until the next start.

const (
	// retryVerification is how long to wait before a tree that could not be verified is tried again.
	retryVerification = time.Minute
	// verifyPeriod is how long to wait before a verified tree is verified again.
	verifyPeriod = 5 * time.Minute
)

// verifyPublished verifies the published tree, which may have been damaged while no git-sync was running. If a check
// fails before its time is over, it runs once more: a lack of descriptors or processes may pass.
func (r *Repo) verifyPublished(ctx context.Context) error {
	ctx, cancel := r.half(ctx) // so that slow checks do not prevent updates
	defer cancel()
	c := r.current()
	// Every sync finds a tree that does not pass the cheap checks. If LFS is used differently now, the tree is made
	// again anyway, and a comparison would report it as damaged.
	if !c.whole || c.copied || !r.trees.LFSUnchanged(c.rec) {
		return nil
	}
	v := r.verify(ctx, c.rec)
	if v == worktree.Unknown && ctx.Err() == nil {
		v = r.verify(ctx, c.rec)
	}
	return r.conclude(c.rec, v)
}

// verify compares a tree with its commit. It needs no lock.
func (r *Repo) verify(ctx context.Context, rec worktree.Record) worktree.Verdict {
	git := r.recycler.Store
	if recycle.Unmodified(ctx, r.trees, git, rec) {
		return worktree.Intact
	}
	return r.trees.Verify(ctx, git, rec)
}

// conclude acts on the result of a verification. A check that was killed or timed out changes nothing.
func (r *Repo) conclude(rec worktree.Record, v worktree.Verdict) error {
	path := filepath.Join(r.root, rec.Place)
	switch v {
	case worktree.Intact:
		r.records.Verified[rec.ID] = true
		if boot := disk.BootID(); rec.Boot != boot {
			rec.Boot = boot
			return r.records.Save(rec)
		}
	case worktree.Changed, worktree.Damaged:
		if v == worktree.Changed && r.records.Verified[rec.ID] {
			return nil
		}
		r.opts.Log.Error(nil, "published tree differs from its commit", "path", path)
		r.records.Damaged[rec.ID] = true
	case worktree.Unknown:
		r.opts.Log.V(1).Info("published tree not verified", "path", path)
	}
	return nil
}

// verifyInBackground starts a verification of the published tree if one is due.
func (r *Repo) verifyInBackground(ctx context.Context) {
	if c := r.state.condition; (c == unverified || c == intact) && r.jobs.verify.due(r.opts.Now()) {
		r.jobs.verify.start(ctx, r.verifyAgain)
	}
}

// verifyAgain is the work of the verification job. It holds the work lock only at its beginning and its end.
func (r *Repo) verifyAgain(ctx context.Context) {
	if !r.jobs.verify.due(r.opts.Now()) || r.enterOwn(ctx, "verification of the published tree") != nil {
		return // another run has just ended, or git-sync is shutting down
	}
	rec, objects := r.current().rec, *r.store
	r.work.Unlock()
	v := worktree.Unknown
	if rec.ID != "" {
		v = r.verify(ctx, rec)
	}
	damage := objects.FindDamage()
	if r.enterOwn(ctx, "verification of the published tree") != nil {
		return
	}
	defer r.work.Unlock()
	r.jobs.done.Store(false) // git-lfs leaves copies of the compared files
	period := verifyPeriod
	if v == worktree.Unknown {
		period = retryVerification
	}
	r.jobs.verify.pause(r.opts.Now().Add(period))
	if rec.ID == "" || r.current().rec.ID != rec.ID || ctx.Err() != nil {
		return // another tree was published meanwhile, or git-sync is shutting down
	}
	r.store.MarkCorrupt(damage)
	if err := r.conclude(rec, v); err != nil {
		r.opts.Log.Error(err, "recording the verification failed")
	}
	r.refreshReport("")
}
