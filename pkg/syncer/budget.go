package syncer

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"git-sync/pkg/advice"
)

// Budget says how many consecutive failures end the run. The zero value ends it at the first one.
type Budget struct {
	// Unlimited never ends the run for failures.
	Unlimited bool
	// UntilPublished limits failures only as long as nothing is published: from then on it is unlimited. Something
	// found published at start counts. With Options.OneTime the limit holds throughout, for the run has to end.
	UntilPublished bool
	// Exit is the consecutive failure that ends the run: 1 (and less) is the first, 7 the seventh.
	Exit int
}

// unlimited says whether failures may go on for ever in the given situation.
func (b Budget) unlimited(sit situation) bool {
	return b.Unlimited || (b.UntilPublished && sit.published && !sit.oneTime)
}

// spent says whether that many consecutive failures end the run.
func (b Budget) spent(failures int, sit situation) bool {
	return !b.unlimited(sit) && failures >= max(b.Exit, 1)
}

// situation is what a budget and a schedule depend on beside the failures.
type situation struct {
	published bool // something is published
	succeeded bool // a sync of this process has succeeded: the initial phase is over
	oneTime   bool
}

// errSpent says that the failure budget is spent.
var errSpent = errors.New("failure budget spent")

// spentBudget is the error of a spent budget, of which err is the last failure.
func spentBudget(failures int, err error) error {
	if failures == 1 {
		return fmt.Errorf("%w at the first failure: %w", errSpent, err)
	}
	return fmt.Errorf("%w after %d consecutive failures: %w", errSpent, failures, err)
}

// ErrInterrupted is returned by Run when it was stopped before a one-time sync was complete.
var ErrInterrupted = errors.New("interrupted before the sync was complete")

var (
	errTimeout = errors.New("the sync took longer")
	errStuck   = errors.New("is stuck")
)

// timedOut is the error of a sync that was ended because its time was over; err is what the ended step said.
func timedOut(limit time.Duration, err error) error {
	return advice.With(fmt.Errorf("%w than the %v of --sync-timeout: %w", errTimeout, limit, err),
		cmp.Or(advice.Hint(err), "find out why the remote or the disk is that slow, or raise --sync-timeout"))
}

// stuckError says that a sync did not end although its time was over and its children were killed: it sits in a system
// call that cannot be interrupted. Nothing else is started until it has ended.
func (s *Syncer) stuckError() error {
	err := fmt.Errorf("the sync that started at %s %w: it did not end within %v (--sync-timeout), and cannot be interrupted",
		s.Report().Started.UTC().Format(time.RFC3339), errStuck, s.opt.Timeout)
	return advice.With(err, "a disk or network file system that holds --root (or a credentials file) does not answer")
}

// RefusedError says that the pre-publish hook did not let a revision be published; it wraps what the hook said.
type RefusedError struct {
	Hash string
	Err  error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the pre-publish hook refused %s: %v", e.Hash, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// Hint is the hook's own, or a general one.
func (e *RefusedError) Hint() string {
	return cmp.Or(advice.Hint(e.Err), "the revision is not published; push a better one, or see what the hook printed")
}

// retryAfterOf is the delay that the server behind the error asked for, 0 if none.
func retryAfterOf(err error) time.Duration {
	var r interface{ RetryAfter() time.Duration }
	if errors.As(err, &r) {
		return r.RetryAfter()
	}
	return 0
}
