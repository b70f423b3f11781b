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

// schedule says how long to wait after a sync. It is pure but for the random numbers it is given.
type schedule struct {
	period, initPeriod time.Duration
	budget, initBudget Budget
	backoffMax         time.Duration
	rand               func() float64 // in [0,1)
}

// phase is the period and the budget that are in force.
func (s schedule) phase(sit situation) (time.Duration, Budget) {
	if sit.succeeded {
		return s.period, s.budget
	}
	return s.initPeriod, s.initBudget
}

// afterSuccess is the delay until the next poll.
func (s schedule) afterSuccess(sit situation) time.Duration {
	period, _ := s.phase(sit)
	return time.Duration(float64(period) * (1 + spread*(2*s.rand()-1)))
}

// firstPoll is the delay until the first poll where several loops started at the same time: it spreads them over the period.
func (s schedule) firstPoll() time.Duration {
	return time.Duration(float64(s.period) * s.rand())
}

// afterFailure is the delay until the next try, failures (the latest included) having happened in a row; the server
// may have asked for retryAfter.
//
// Under a bounded budget it is exactly the wait, growing only if backoffMax was asked for, so that the budget bounds
// the run's time. Otherwise it doubles up to backoffMax and is spread, never beyond that.
func (s schedule) afterFailure(sit situation, failures int, retryAfter time.Duration) time.Duration {
	wait, budget := s.phase(sit)
	unlimited := budget.unlimited(sit)
	limit := s.backoffMax
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
		delay = time.Duration(float64(delay) * (1 - spread*s.rand()))
	}
	return max(delay, min(retryAfter, limit))
}

// spentBy says whether that many consecutive failures end the run.
func (s schedule) spentBy(failures int, sit situation) bool {
	_, budget := s.phase(sit)
	return budget.spent(failures, sit)
}
