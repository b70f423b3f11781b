package syncer

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"git-sync/pkg/advice"
)

// Budget says after how many consecutive failures the run ends. The zero value ends it at the first one.
type Budget struct {
	// Unlimited says that failures never end the run.
	Unlimited bool
	// UntilPublished limits failures only while nothing is published; then they are unlimited. A tree found published
	// at start counts. With Options.OneTime, the limit always holds, because the run must end.
	UntilPublished bool
	// Exit is the number of consecutive failures that ends the run; 0 means 1.
	Exit int
	// Option is the option that set the budget, with its value; "" for the default.
	Option string
}

// String describes the budget for operators.
func (b Budget) String() string {
	switch {
	case b.Unlimited:
		return "never exits for failures"
	case b.UntilPublished:
		return "exits at the first failure until something is published, then never"
	default:
		return fmt.Sprintf("exits at consecutive failure %d (%s)", max(b.Exit, 1), b.Option)
	}
}

// unlimited reports whether failures are unlimited in the given situation.
func (b Budget) unlimited(sit situation) bool {
	return b.Unlimited || (b.UntilPublished && sit.published && !sit.oneTime)
}

// spent reports whether that many consecutive failures end the run.
func (b Budget) spent(failures int, sit situation) bool {
	return !b.unlimited(sit) && failures >= max(b.Exit, 1)
}

// situation is what a budget and a schedule depend on, besides the failures.
type situation struct {
	published bool // something is published
	succeeded bool // a sync of this process has succeeded, so the initial phase is over
	oneTime   bool
}

// spentBudget returns the error of a spent budget. err is the last failure, and option has set the budget.
func spentBudget(failures int, option string, err error) error {
	return fmt.Errorf("%w (consecutive failures: %d; %s)", err, failures, cmp.Or(option, "--max-failures=N tolerates more"))
}

// ErrInterrupted is returned by Run if it was stopped before a one-time sync was complete.
var ErrInterrupted = errors.New("interrupted before the sync was complete")

var (
	errTimeout = errors.New("the sync took longer")
	errStuck   = errors.New("is stuck")
)

// timedOut returns the error of a sync that has timed out. err is the error of the cancelled step.
func timedOut(limit time.Duration, err error) error {
	return advice.With(fmt.Errorf("%w than the %v of --sync-timeout: %w", errTimeout, limit, err),
		cmp.Or(advice.Hint(err), "find out why the remote or the disk is that slow, or raise --sync-timeout"))
}

// stuckError returns the error of a stuck sync: it did not end after its timeout, although its children were killed,
// because of a system call that cannot be interrupted. No other sync starts until it has ended.
func (s *Syncer) stuckError() error {
	err := fmt.Errorf("the sync that started at %s %w: it did not end within %v (--sync-timeout), and cannot be interrupted",
		s.Report().Started.UTC().Format(time.RFC3339), errStuck, s.opt.Timeout)
	return advice.With(err, "a disk or network file system that holds --root (or a credentials file) does not answer")
}

// RefusedError says that the pre-publish hook refused a revision. It wraps the hook's error.
type RefusedError struct {
	Hash string
	Err  error

	until time.Time // the hook is not run again for this revision before
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the pre-publish hook refused %s: %v", e.Hash, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// Hint returns the hook's own hint, or a general one.
func (e *RefusedError) Hint() string {
	return cmp.Or(advice.Hint(e.Err), "the revision is not published; push a better one, or see what the hook printed")
}

// retryAfterOf returns the delay that the server asked for in err; 0 if none.
func retryAfterOf(err error) time.Duration {
	var r interface{ RetryAfter() time.Duration }
	if errors.As(err, &r) {
		return r.RetryAfter()
	}
	return 0
}
