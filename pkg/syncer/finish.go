package syncer

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"git-sync/pkg/advice"
)

// maxHistory is the maximum length of Report.History.
const maxHistory = 50

// finish handles the result of a sync: report, log, waiters, and the delay until the next. An error ends the run.
func (s *Syncer) finish(q *request, out outcome) (time.Duration, error) {
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

// succeed records a successful sync.
func (s *Syncer) succeed(q *request, out outcome) {
	result := ResultNoop
	if out.tree.New || !s.sit.succeeded {
		result = ResultSuccess
	}
	log, hash := s.opt.Log, out.tree.Hash
	if s.failures > 0 {
		log.Info("recovered", "hash", hash, "failures", s.failures, "after", round(out.ended.Sub(s.report.FailingSince)))
	}
	switch {
	case out.tree.New:
		log.Info("published revision", "hash", hash, "ref", out.tree.Ref, "previous", out.previous, "link", out.tree.Link, "path", out.tree.Path, "trigger", q.source, "took", took(out))
	case !s.sit.succeeded:
		log.Info("already up to date", "hash", hash, "link", out.tree.Link, "path", out.tree.Path, "took", took(out))
	default:
		log.V(2).Info("no change", "hash", hash, "took", took(out))
	}
	s.sit.succeeded, s.sit.published = true, true
	s.failures, s.charged, s.repeats, s.notBefore = 0, 0, repeats{}, time.Time{}
	s.update(func(r *Report) {
		s.ended(r, out, result)
		r.LastSuccess, r.Failures, r.FailingSince = out.ended, 0, time.Time{}
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

// publication records what is published now.
func (s *Syncer) publication(r *Report, q *request, out outcome) {
	if r.Hash != out.tree.Hash {
		r.PreviousHash = r.Hash
	}
	r.Hash, r.Since, r.PushedAt = out.tree.Hash, out.ended, q.at
	remember(r, q, out)
}

// fail records a failed sync. It returns the delay before the next sync, or the error that ends the run.
func (s *Syncer) fail(q *request, out outcome) (time.Duration, error) {
	if out.held {
		s.opt.Log.V(2).Info("waiting before the pre-publish hook runs again", "hash", out.tree.Hash)
		s.update(func(r *Report) { s.failed(r, out) })
		return s.retryDelay(out), nil
	}
	s.failures++
	s.charge(out.err)
	delay := s.retryDelay(out)
	_, budget := s.opt.phase(s.sit)
	over := budget.spent(s.charged, s.sit)
	s.logFailure(out, delay, over)
	s.update(func(r *Report) {
		s.failed(r, out)
		remember(r, q, out)
	})
	if s.opt.Failed != nil {
		s.opt.Failed(out.err, s.failures)
	}
	if over {
		return 0, spentBudget(s.charged, budget.Option, out.err)
	}
	return delay, nil
}

// charge counts a failure against the budget. A refusal by the pre-publish hook shows that the remote works, so it
// counts only in a one-time run, which must end.
func (s *Syncer) charge(err error) {
	if _, ok := errors.AsType[*RefusedError](err); ok && !s.sit.oneTime {
		s.charged = 0
		return
	}
	s.charged++
}

// retryDelay returns the delay after a failure. After a refusal, polling continues, and the hook runs again after its
// own backoff.
func (s *Syncer) retryDelay(out outcome) time.Duration {
	if refused, ok := errors.AsType[*RefusedError](out.err); ok {
		s.notBefore = time.Time{}
		delay := s.opt.afterSuccess(s.sit)
		if s.opt.GateBackoff > 0 {
			delay = min(delay, max(refused.until.Sub(out.ended), 0))
		}
		return delay
	}
	retryAfter := retryAfterOf(out.err)
	delay := s.opt.afterFailure(s.sit, s.charged, retryAfter)
	s.notBefore = time.Time{}
	if retryAfter > 0 {
		s.notBefore = out.ended.Add(min(delay, retryAfter))
	}
	return delay
}

// failed records a failure.
func (s *Syncer) failed(r *Report, out outcome) {
	s.ended(r, out, ResultError)
	r.Failures = s.failures
	if r.FailingSince.IsZero() {
		r.FailingSince = out.ended
	}
	r.LastError, r.LastHint, r.LastErrorAt = out.err.Error(), advice.Hint(out.err), out.ended
	r.LastRemote, r.LastHelper = advice.Output(out.err)
}

// logFailure logs the first occurrence of a failure, and then fewer and fewer repetitions. It does not log the last
// failure of a spent budget as an error, because Run returns that and its caller logs it.
func (s *Syncer) logFailure(out outcome, delay time.Duration, over bool) {
	n := s.repeats.add(out.err)
	log := s.opt.Log.WithValues("failures", s.failures, "published", cmp.Or(s.report.Hash, "nothing"), "took", took(out))
	switch {
	case over:
		log.V(1).Info("sync failed", "error", out.err.Error())
	case shouldLog(n):
		log.Error(out.err, "sync failed", "retryIn", round(delay))
	default:
		log.V(1).Info("sync failed again", "error", out.err.Error(), "retryIn", round(delay))
	}
}

// late records the end of a sync that was reported as stuck. It may have published.
func (s *Syncer) late(out outcome) {
	a := s.stuck
	s.stuck = nil
	s.opt.Log.Info("stuck sync ended", "took", took(out))
	if out.err == nil {
		s.succeed(a.request, out)
		return
	}
	s.update(func(r *Report) { r.Running = false })
}

// ended records what all syncs have in common.
func (s *Syncer) ended(r *Report, out outcome, result string) {
	r.LastAttempt, r.LastDuration, r.LastResult = out.started, out.ended.Sub(out.started), result
	r.Counts = plus(r.Counts, result, 1)
	r.Durations = plus(r.Durations, result, out.ended.Sub(out.started))
	r.Running = s.stuck != nil
}

// update changes the report and passes it to the observer. Only the loop calls it.
func (s *Syncer) update(change func(*Report)) {
	s.mu.Lock()
	change(&s.report)
	r := s.report
	s.mu.Unlock()
	if s.opt.Observe != nil {
		s.opt.Observe(r)
	}
}

// countTrigger counts a trigger. The observer gets the new count when the next sync starts.
func (s *Syncer) countTrigger(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Triggers = plus(s.report.Triggers, source, 1)
}

// Report returns the present state of the loop. It never blocks for long.
func (s *Syncer) Report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report
}

// plus returns a copy of m with n added at key, because maps that were handed out must not change.
func plus[N int | time.Duration](m map[string]N, key string, n N) map[string]N {
	c := make(map[string]N, len(m)+1)
	maps.Copy(c, m)
	c[key] += n
	return c
}

// remember appends a publication or failure to a copy of the history, for the same reason.
func remember(r *Report, q *request, out outcome) {
	e := Event{Time: out.ended, Duration: out.ended.Sub(out.started), Result: ResultSuccess, Hash: out.tree.Hash, Trigger: q.source}
	if out.err != nil {
		e.Result, e.Hash, e.Error = ResultError, "", out.err.Error()
	}
	r.History = slices.Concat(r.History[max(0, len(r.History)-maxHistory+1):], []Event{e})
}

// took formats the duration of a sync for the log.
func took(out outcome) string { return round(out.ended.Sub(out.started)) }

func round(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
