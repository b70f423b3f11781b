package syncer

import (
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

// BudgetError says that the failure budget is spent; it wraps the last failure.
type BudgetError struct {
	Failures int // consecutive ones
	Err      error
}

func (e *BudgetError) Error() string {
	if e.Failures == 1 {
		return fmt.Sprintf("giving up at the first failure: %v", e.Err)
	}
	return fmt.Sprintf("giving up after %d consecutive failures: %v", e.Failures, e.Err)
}

func (e *BudgetError) Unwrap() error { return e.Err }

// ErrInterrupted is returned by Run when it was stopped before a one-time sync was complete.
var ErrInterrupted = errors.New("interrupted before the sync was complete")

// TimeoutError says that a sync was ended because its time was over; it wraps what the ended step said.
type TimeoutError struct {
	Limit time.Duration
	Err   error
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("the sync took longer than the %v of --sync-timeout: %v", e.Limit, e.Err)
}

func (e *TimeoutError) Unwrap() error { return e.Err }

// Hint is the advice of the step that was ended, or a general one.
func (e *TimeoutError) Hint() string {
	if hint := advice.Hint(e.Err); hint != "" {
		return hint
	}
	return "find out why the remote or the disk is that slow, or raise --sync-timeout"
}

// StuckError says that a sync did not end although its time was over and its children were killed: it sits in a system
// call that cannot be interrupted. Nothing else is started until it has ended.
type StuckError struct {
	Since time.Time // when the sync started
	Limit time.Duration
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("the sync that started at %s is stuck: it did not end within %v (--sync-timeout), and cannot be interrupted",
		e.Since.UTC().Format(time.RFC3339), e.Limit)
}

// Hint says what it usually is.
func (*StuckError) Hint() string {
	return "a disk or network file system that holds --root (or a credentials file) does not answer"
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
	if hint := advice.Hint(e.Err); hint != "" {
		return hint
	}
	return "the revision is not published; push a better one, or see what the hook printed"
}

// retryAfterOf is the delay that the server behind the error asked for, 0 if none.
func retryAfterOf(err error) time.Duration {
	var r interface{ RetryAfter() time.Duration }
	if errors.As(err, &r) {
		return r.RetryAfter()
	}
	return 0
}
