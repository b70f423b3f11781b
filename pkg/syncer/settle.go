package syncer

import (
	"errors"
	"maps"
	"time"

	"git-sync/pkg/advice"
)

// maxHistory bounds Report.History.
const maxHistory = 50

// settle draws the consequences of a sync: report, log, waiters, and the delay until the next; its error ends the run.
func (s *Syncer) settle(q *request, out outcome) (time.Duration, error) {
	if out.err != nil {
		delay, err := s.fail(q, out)
		q.answer(answer{err: out.err})
		return delay, err
	}
	isFirst := !s.sit.succeeded
	s.succeed(q, out)
	q.answer(answer{hash: out.tree.Hash})
	if isFirst && s.opt.Slots != nil {
		return s.opt.firstPoll(), nil
	}
	return s.opt.afterSuccess(s.sit), nil
}

// succeed takes note of a sync that succeeded.
func (s *Syncer) succeed(q *request, out outcome) {
	result := ResultNoop
	if out.tree.New || !s.sit.succeeded {
		result = ResultSuccess
	}
	log, hash := s.opt.Log, out.tree.Hash
	if s.failures > 0 {
		log.Info("recovered", "hash", hash, "failures", s.failures)
	}
	switch {
	case out.tree.New:
		log.Info("published", "hash", hash, "ref", out.tree.Ref, "previous", out.previous, "path", out.tree.Path, "trigger", q.source, "took", took(out))
	case !s.sit.succeeded:
		log.Info("already up to date", "hash", hash, "path", out.tree.Path, "took", took(out))
	default:
		log.V(2).Info("nothing new", "hash", hash, "took", took(out))
	}
	s.sit.succeeded, s.sit.published = true, true
	s.failures, s.charged, s.repeats, s.hold = 0, 0, repeats{}, time.Time{}
	s.update(func(r *Report) {
		s.ended(r, out, result)
		r.LastSuccess, r.Failures = out.ended, 0
		if s.opt.Ref == "" {
			r.Ref = out.tree.Ref
		}
		if out.tree.New || r.Hash != out.tree.Hash {
			s.publication(r, q, out)
		}
	})
	if s.opt.Succeeded != nil {
		s.opt.Succeeded()
	}
}

// publication notes what is published now.
func (s *Syncer) publication(r *Report, q *request, out outcome) {
	if r.Hash != out.tree.Hash {
		r.PreviousHash = r.Hash
	}
	r.Hash, r.Since, r.PushedAt = out.tree.Hash, out.ended, q.at
	remember(r, Event{
		Time: out.ended, Duration: out.ended.Sub(out.started), Result: ResultSuccess,
		Hash: out.tree.Hash, Trigger: q.source,
	})
}

// fail takes note of a sync that failed and returns the delay before the next, or the error that ends the run.
func (s *Syncer) fail(q *request, out outcome) (time.Duration, error) {
	if out.held {
		s.opt.Log.V(2).Info("the pre-publish hook is not run again before its backoff", "hash", out.tree.Hash)
		s.update(func(r *Report) { s.failed(r, out) })
		return s.retryDelay(out), nil
	}
	s.failures++
	s.charge(out.err)
	delay := s.retryDelay(out)
	over := s.opt.spentBy(s.charged, s.sit)
	s.logFailure(out, delay, over)
	s.update(func(r *Report) {
		s.failed(r, out)
		remember(r, Event{
			Time: out.ended, Duration: out.ended.Sub(out.started), Result: ResultError,
			Error: out.err.Error(), Trigger: q.source,
		})
	})
	if s.opt.Failed != nil {
		s.opt.Failed(out.err, s.failures)
	}
	if over {
		return 0, spentBudget(s.charged, out.err)
	}
	return delay, nil
}

// charge counts a failure against the budget. A refusal by the pre-publish hook shows that the remote works: only a one-time
// run, which has to end, counts it.
func (s *Syncer) charge(err error) {
	if isRefusal(err) && !s.sit.oneTime {
		s.charged = 0
		return
	}
	s.charged++
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*RefusedError](err)
	return ok
}

// retryDelay is how long to wait after a failure. After a refusal polling continues, and the hook runs again after its own
// backoff.
func (s *Syncer) retryDelay(out outcome) time.Duration {
	if isRefusal(out.err) {
		s.hold = time.Time{}
		delay := s.opt.afterSuccess(s.sit)
		if s.opt.GateBackoff > 0 {
			delay = min(delay, max(out.gateAgain.Sub(out.ended), 0))
		}
		return delay
	}
	retryAfter := retryAfterOf(out.err)
	delay := s.opt.afterFailure(s.sit, s.charged, retryAfter)
	s.hold = time.Time{}
	if retryAfter > 0 {
		s.hold = out.ended.Add(min(delay, retryAfter))
	}
	return delay
}

// failed notes a failure.
func (s *Syncer) failed(r *Report, out outcome) {
	s.ended(r, out, ResultError)
	r.Failures = s.failures
	r.LastError, r.LastHint, r.LastErrorAt = out.err.Error(), advice.Hint(out.err), out.ended
	r.LastRemote, r.LastHelper = advice.Said(out.err)
}

// logFailure logs a failure when it is new and then ever more rarely; the last one of a spent budget is Run's error, which
// its caller logs.
func (s *Syncer) logFailure(out outcome, delay time.Duration, over bool) {
	n := s.repeats.add(out.err)
	log := s.opt.Log.WithValues("failures", s.failures, "times", n, "took", took(out))
	switch {
	case over:
		log.V(1).Info("sync failed", "error", out.err.Error())
	case worthALine(n):
		log.Error(out.err, "sync failed", "retryIn", round(delay))
	default:
		log.V(1).Info("sync failed again", "error", out.err.Error(), "retryIn", round(delay))
	}
}

// late takes note of the end of a sync that had been given up as stuck. It may have published.
func (s *Syncer) late(out outcome) {
	a := s.stuck
	s.stuck = nil
	s.opt.Log.Info("the stuck sync has ended", "took", took(out))
	if out.err == nil {
		s.succeed(a.request, out)
		return
	}
	s.update(func(r *Report) { r.Running = false })
}

// ended notes what every ended sync has in common.
func (s *Syncer) ended(r *Report, out outcome, result string) {
	r.LastAttempt, r.LastDuration, r.LastResult = out.started, out.ended.Sub(out.started), result
	r.Counts = plus(r.Counts, result, 1)
	r.Durations = plus(r.Durations, result, out.ended.Sub(out.started))
	r.Running = s.stuck != nil
}

// update changes the report and hands it to the observer. Only the loop calls it.
func (s *Syncer) update(change func(*Report)) {
	s.mu.Lock()
	change(&s.report)
	r := s.report
	s.mu.Unlock()
	if s.opt.Observe != nil {
		s.opt.Observe(r)
	}
}

// countTrigger notes a trigger; the sync that it causes makes it observed.
func (s *Syncer) countTrigger(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Triggers = plus(s.report.Triggers, source, 1)
}

// Report is the state of the loop now. It never blocks for long.
func (s *Syncer) Report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report
}

// plus is a copy of m with n added at key: maps that were handed out are never written again.
func plus[N int | time.Duration](m map[string]N, key string, n N) map[string]N {
	c := make(map[string]N, len(m)+1)
	maps.Copy(c, m)
	c[key] += n
	return c
}

// remember appends to the history, copying it for the same reason.
func remember(r *Report, e Event) {
	old := r.History
	if len(old) >= maxHistory {
		old = old[len(old)-maxHistory+1:]
	}
	r.History = append(append(make([]Event, 0, len(old)+1), old...), e)
}

// took is a duration fit for a log line.
func took(out outcome) string { return round(out.ended.Sub(out.started)) }

func round(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(100 * time.Millisecond).String()
	}
}
