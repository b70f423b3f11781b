package syncer

import "time"

const (
	// DefaultBackoffMax is the longest delay between retries when failures are unlimited and nothing else is asked for.
	DefaultBackoffMax = time.Minute
	// spread is the share by which steady polling varies, so that a fleet does not poll in step.
	spread = 0.1
	// pushGap is the least time between the starts of two syncs that pushes caused: a thousand pushes in one second
	// cause two syncs, one at once and one a second later. A lone push never waits.
	pushGap = time.Second
)

// Schedule says when to sync, and when to give up.
type Schedule struct {
	// Period is the wait between the end of a sync and the next; InitPeriod the same until the first success (0: Period).
	Period, InitPeriod time.Duration
	// Timeout limits one whole sync. 0: 120 s.
	Timeout time.Duration
	// OneTime ends Run at the first success.
	OneTime bool
	// Budget limits consecutive failures; InitBudget the same until the first success (nil: Budget).
	Budget     Budget
	InitBudget *Budget
	// BackoffMax is the longest delay before a retry. 0: DefaultBackoffMax when failures are unlimited, otherwise no growth.
	BackoffMax time.Duration
	// Rand gives the spread of polling, in [0,1). nil: math/rand/v2.
	Rand func() float64
}

// phase is the period and the budget that are in force.
func (s Schedule) phase(sit situation) (time.Duration, Budget) {
	if sit.succeeded {
		return s.Period, s.Budget
	}
	return s.InitPeriod, *s.InitBudget
}

// afterSuccess is the delay until the next poll.
func (s Schedule) afterSuccess(sit situation) time.Duration {
	period, _ := s.phase(sit)
	return time.Duration(float64(period) * (1 + spread*(2*s.Rand()-1)))
}

// firstPoll is the delay until the first poll where several loops started at the same time: it spreads them over the period.
func (s Schedule) firstPoll() time.Duration {
	return time.Duration(float64(s.Period) * s.Rand())
}

// afterFailure is the delay until the next try, failures (the latest included) having happened in a row; the server
// may have asked for retryAfter.
//
// Under a bounded budget it is exactly the wait, growing only if backoffMax was asked for, so that the budget bounds
// the run's time. Otherwise it doubles up to backoffMax and is spread, never beyond that.
func (s Schedule) afterFailure(sit situation, failures int, retryAfter time.Duration) time.Duration {
	wait, budget := s.phase(sit)
	unlimited := budget.unlimited(sit)
	limit := s.BackoffMax
	switch {
	case limit > 0:
	case unlimited:
		limit = DefaultBackoffMax
	default:
		return wait
	}
	delay := min(wait, limit)
	for n := 1; n < failures && delay < limit; n++ {
		delay = min(2*delay, limit)
	}
	if unlimited {
		delay = time.Duration(float64(delay) * (1 - spread*s.Rand()))
	}
	return max(delay, min(retryAfter, limit))
}

// spentBy says whether that many consecutive failures end the run.
func (s Schedule) spentBy(failures int, sit situation) bool {
	_, budget := s.phase(sit)
	return budget.spent(failures, sit)
}
