package syncer

import "time"

const (
	// DefaultBackoffMax is the longest delay between retries, if failures are unlimited and no other limit is set.
	DefaultBackoffMax = time.Minute
	// spread is the fraction by which polling varies, so that a fleet does not poll in step.
	spread = 0.1
	// pushGap is the least time between the starts of two syncs caused by pushes: a thousand pushes in one second
	// cause two syncs, one at once and one a second later. A single push never waits.
	pushGap = time.Second
)

// Schedule says when to sync, and when to give up.
type Schedule struct {
	// Period is the delay from the end of a sync to the next; InitPeriod the same until the first success (0:
	// Period).
	Period, InitPeriod time.Duration
	// Timeout limits one whole sync. 0: 120 s.
	Timeout time.Duration
	// OneTime ends Run at the first success.
	OneTime bool
	// Budget limits consecutive failures; InitBudget the same until the first success (nil: Budget).
	Budget     Budget
	InitBudget *Budget
	// BackoffMax is the longest delay before a retry. 0: DefaultBackoffMax if failures are unlimited, otherwise the
	// delay does not grow.
	BackoffMax time.Duration
	// Rand returns random numbers in [0,1) for the spread of polling. nil: math/rand/v2.
	Rand func() float64
}

// phase returns the present period and budget.
func (s Schedule) phase(sit situation) (time.Duration, Budget) {
	if sit.succeeded {
		return s.Period, s.Budget
	}
	return s.InitPeriod, *s.InitBudget
}

// afterSuccess returns the delay until the next poll.
func (s Schedule) afterSuccess(sit situation) time.Duration {
	period, _ := s.phase(sit)
	return time.Duration(float64(period) * (1 + spread*(2*s.Rand()-1)))
}

// firstPoll returns the delay until the first poll if several loops started at the same time: it spreads them over
// the period.
func (s Schedule) firstPoll() time.Duration {
	return time.Duration(float64(s.Period) * s.Rand())
}

// afterFailure returns the delay until the next retry. failures is the number of consecutive failures, the last one
// included. retryAfter is the delay that the server asked for.
//
// If the budget is limited, the delay is the period, and grows only if BackoffMax is set, so that the budget limits
// the total time. Otherwise it doubles up to BackoffMax, and is spread, but never longer than that.
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
