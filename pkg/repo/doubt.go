package repo

import (
	"context"
	"time"
)

// A tree that was written during another boot may have lost its content to a
// power cut. Where the look at it in the first sync did not come to an end, it
// is looked at again in the background, without the sync's deadline: to compare
// the content of a big tree may take longer than a sync may.

// retryCheck is how long a tree that could not be checked is left before that
// is tried again.
const retryCheck = time.Minute

// doubt has the published tree checked in the background, where that is due.
func (r *Repo) doubt(ctx context.Context) {
	if r.condition == doubtful && !r.checking && !r.opts.Now().Before(r.checkNext) {
		r.checking = true
		r.checker.start(ctx, r.check)
	}
}

// check is the background's work. It holds the work lock at its ends only.
func (r *Repo) check(ctx context.Context) {
	if r.work.enter(ctx, "look at the published tree") != nil {
		return // we are to end
	}
	rec, ok := r.recordPublished()
	all := r.worktrees(rec)
	r.work.Unlock()
	v := verdictUnknown
	if ok {
		v = r.compare(ctx, rec, all)
	}
	if r.work.enter(ctx, "look at the published tree") != nil {
		return
	}
	defer r.work.Unlock()
	r.checking, r.checkNext = false, r.opts.Now().Add(retryCheck)
	if now, still := r.recordPublished(); !ok || !still || now.id != rec.id || ctx.Err() != nil {
		return // replaced meanwhile, or we are to end
	}
	if err := r.conclude(rec, v); err != nil {
		r.log.Error(err, "noting that the published tree is intact")
	}
	r.view = view{}
	r.observe("")
}

// recordPublished returns the record of the published tree.
func (r *Repo) recordPublished() (record, bool) {
	rel, _, ok := r.published()
	if !ok {
		return record{}, false
	}
	return r.recordOf(rel)
}
