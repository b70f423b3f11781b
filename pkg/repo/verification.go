package repo

import (
	"context"
	"path/filepath"
	"time"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/recycle"
	"git-sync/pkg/repo/worktree"
)

// A tree that was written during another boot may have lost its content to a
// power cut. Where the verification in the first sync did not come to an end, it
// is verified again in the background, without the sync's deadline: to compare
// the content of a big tree may take longer than a sync may.
//
// What was found intact is verified now and then as well: something else may remove files
// from it. Files that somebody has edited, a hook perhaps, are left until the next start.

const (
	// retryVerification is how long a tree that could not be verified is left before that
	// is tried again.
	retryVerification = time.Minute
	// verifyPeriod is how long one that was verified is left, and maxVerifyPeriod where
	// its files are removed again and again.
	verifyPeriod    = 5 * time.Minute
	maxVerifyPeriod = 24 * time.Hour
)

// verifyPublished verifies the published tree, which may have been damaged
// while no git-sync was running. A check that failed otherwise than by the end of its
// time is made once more, for a lack of descriptors or processes passes.
func (r *Repo) verifyPublished(ctx context.Context) error {
	ctx, cancel := r.half(ctx) // so that slow checks do not keep updates away
	defer cancel()
	c := r.current()
	// What does not pass the cheap checks is seen at every sync. One that is to be
	// made anew would seem damaged, its files being filtered in another way.
	if !c.whole || c.copied || !r.trees.LFSAsNow(c.rec) {
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
	if recycle.AsMade(ctx, r.trees, git, rec) {
		return worktree.Intact
	}
	return r.trees.Verify(ctx, git, rec)
}

// conclude draws the consequences of a verification. Only what is proved counts: a
// check that was killed or timed out leaves things as they are.
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
		r.opts.Log.Info("the published tree differs from its commit, making it anew", "path", path)
		r.records.Damaged[rec.ID] = true
	case worktree.Unknown:
		r.opts.Log.V(1).Info("the published tree could not be checked, keeping it", "path", path)
	}
	return nil
}

// verifyInBackground has the published tree verified, where that is due.
func (r *Repo) verifyInBackground(ctx context.Context) {
	if c := r.state.condition; (c == unverified || c == intact) && r.jobs.verification.due(r.opts.Now()) {
		r.jobs.verify.start(ctx, r.verifyAgain)
	}
}

// verifyAgain is the background's work. It holds the work lock at its ends only.
func (r *Repo) verifyAgain(ctx context.Context) {
	if !r.jobs.verification.due(r.opts.Now()) || (ownRoot{r}).Enter(ctx, "verification of the published tree") != nil {
		return // it has just ended, or we are to end
	}
	rec := r.current().rec
	r.work.Unlock()
	v := worktree.Unknown
	if rec.ID != "" {
		v = r.verify(ctx, rec)
	}
	if (ownRoot{r}).Enter(ctx, "verification of the published tree") != nil {
		return
	}
	defer r.work.Unlock()
	r.jobs.done.Store(false) // git-lfs keeps copies of what it compared
	switch v {
	case worktree.Unknown:
		r.jobs.verification.failed(r.opts.Now(), retryVerification, retryVerification)
	case worktree.Damaged:
		r.jobs.verification.failed(r.opts.Now(), verifyPeriod, maxVerifyPeriod)
	case worktree.Intact, worktree.Changed:
		r.jobs.verification.failed(r.opts.Now(), verifyPeriod, verifyPeriod)
	}
	if rec.ID == "" || r.current().rec.ID != rec.ID || ctx.Err() != nil {
		return // replaced meanwhile, or we are to end
	}
	if err := r.conclude(rec, v); err != nil {
		r.opts.Log.Error(err, "noting that the published tree is intact")
	}
	r.observe("")
}
