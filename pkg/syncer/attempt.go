package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"git-sync/pkg/repo"
)

// outcome is the result of one sync.
type outcome struct {
	tree     repo.Tree
	previous string // hash that was published before
	err      error
	held     bool // the pre-publish hook was not run, because it recently refused the same revision
	started  time.Time
	ended    time.Time
}

// attempt is a running sync.
type attempt struct {
	request *request
	done    chan outcome // has room for the outcome
}

// ended returns the channel of the outcome. For nil, the channel blocks forever.
func (a *attempt) ended() <-chan outcome {
	if a == nil {
		return nil
	}
	return a.done
}

// attempt makes one sync, and watches it. It returns when the sync has ended, when the timeout and the grace for
// killing its children are over, or soon after ctx has ended.
func (s *Syncer) attempt(ctx context.Context, q *request) outcome {
	began := time.Now()
	if s.stuck != nil {
		return outcome{err: s.stuckError(), started: began, ended: began}
	}
	if !s.takeSlot(ctx) {
		return outcome{err: ctx.Err(), started: began, ended: time.Now()}
	}
	defer s.releaseSlot()
	began = time.Now()
	s.update(func(r *Report) {
		r.Running, r.Started, r.Trigger, r.Next = true, began, q.source, time.Time{}
		r.Deadline = began.Add(s.opt.Timeout + killGrace + slack)
	})
	s.opt.Log.V(2).Info("syncing", "trigger", q.source)

	a := &attempt{request: q, done: make(chan outcome, 1)}
	go func() { a.done <- s.timed(ctx) }()

	overdue := time.NewTimer(s.opt.Timeout + killGrace)
	defer overdue.Stop()
	select {
	case out := <-a.done:
		return out
	case <-ctx.Done():
		overdue.Reset(stopGrace)
	case <-overdue.C:
		s.stuck = a
		return outcome{err: s.stuckError(), started: began, ended: time.Now()}
	}
	select {
	case out := <-a.done:
		return out
	case <-overdue.C:
		s.stuck = a
		return outcome{err: ctx.Err(), started: began, ended: time.Now()}
	}
}

// takeSlot waits for a slot. It returns false if ctx ends first. The wait is limited by the timeouts of other loops,
// so the loop does not count as stuck meanwhile.
func (s *Syncer) takeSlot(ctx context.Context) bool {
	if s.opt.Slots == nil {
		return true
	}
	select {
	case s.opt.Slots <- struct{}{}:
		return true
	default:
	}
	s.update(func(r *Report) { r.Deadline, r.Next = time.Time{}, time.Time{} })
	select {
	case s.opt.Slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Syncer) releaseSlot() {
	if s.opt.Slots != nil {
		<-s.opt.Slots
	}
}

// timed makes one sync within the timeout.
func (s *Syncer) timed(ctx context.Context) outcome {
	out := outcome{started: time.Now()}
	limited, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	s.sequence.run(limited, &out)
	if out.err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		out.err = timedOut(s.opt.Timeout, out.err)
	}
	out.ended = time.Now()
	return out
}

// sequence has the steps of one sync, and what one sync remembers for the next. Only the running sync uses it.
type sequence struct {
	opt       Options
	isFirst   bool // the tree found at start has not been announced yet
	touched   bool // the touch file was touched for that tree already
	mustTouch bool // the last touch has failed

	refused *RefusedError // the last revision that the hook refused
}

// run makes one sync: refresh credentials, prepare, pre-publish hook, publish, announce, clean up.
func (seq *sequence) run(ctx context.Context, out *outcome) {
	steps := seq.opt.Steps
	before, _ := steps.Published()
	out.previous = before.Hash
	if out.err = steps.Refresh(ctx); out.err == nil {
		out.tree, out.err = steps.Prepare(ctx)
	}
	if out.err != nil {
		seq.restore(ctx, out.previous, out.err)
		return
	}
	if seq.publish(ctx, out); out.err == nil {
		steps.Succeeded(ctx)
		steps.Clean(ctx)
	}
}

// publish publishes the tree, if it is new, and announces it.
func (seq *sequence) publish(ctx context.Context, out *outcome) {
	if out.tree.New {
		if out.held, out.err = seq.gate(ctx, out); out.err != nil {
			return
		}
		if out.tree, out.err = seq.opt.Steps.Publish(ctx, out.tree); out.err != nil {
			return
		}
	}
	seq.announce(out)
}

// restore repairs the published tree, if that is possible without the remote. The sync counts as failed nevertheless.
func (seq *sequence) restore(ctx context.Context, previous string, cause error) {
	out := outcome{previous: previous}
	out.tree, out.err = seq.opt.Steps.Restore(ctx, cause)
	if out.err == nil && out.tree.New {
		seq.publish(ctx, &out)
	}
	log := seq.opt.Log.WithValues("hash", out.tree.Hash)
	switch {
	case out.err != nil:
		log.V(1).Info("restoring the published revision failed", "error", out.err.Error())
	case out.tree.New:
		log.Info("restored the published revision", "path", out.tree.Path)
		seq.opt.Steps.Clean(ctx)
	default:
		seq.touchEarly()
	}
}

// touchEarly touches the touch file for the tree found at start, if that tree may be used, without waiting for the
// remote.
func (seq *sequence) touchEarly() {
	if !seq.isFirst || seq.touched || seq.opt.Touch == nil {
		return
	}
	if rev, ok := seq.opt.Steps.Published(); ok && rev.Unusable == "" {
		seq.touch()
		seq.touched = !seq.mustTouch
	}
}

// touch touches the touch file. If that fails, the next sync tries again.
func (seq *sequence) touch() {
	err := seq.opt.Touch()
	if seq.mustTouch = err != nil; seq.mustTouch {
		seq.opt.Log.Error(err, "touching the touch file failed")
	}
}

// gate runs the pre-publish hook. held says that the hook was not run, because it recently refused the same revision.
func (seq *sequence) gate(ctx context.Context, out *outcome) (held bool, err error) {
	if seq.opt.Gate == nil {
		return false, nil
	}
	if seq.refused != nil && seq.refused.Hash == out.tree.Hash && time.Now().Before(seq.refused.until) {
		return true, seq.refused
	}
	seq.refused = nil
	seq.opt.Log.V(1).Info("running the pre-publish hook", "hash", out.tree.Hash)
	err = seq.opt.Gate(ctx, out.tree, out.previous)
	if err == nil {
		return false, nil
	}
	if ctx.Err() != nil {
		return false, fmt.Errorf("running the pre-publish hook: %w", err)
	}
	seq.refused = &RefusedError{Hash: out.tree.Hash, Err: err, until: time.Now().Add(seq.opt.GateBackoff)}
	return false, seq.refused
}

// announce announces each published tree, and once the tree found at start.
func (seq *sequence) announce(out *outcome) {
	if seq.opt.Touch != nil && (out.tree.New || seq.isFirst && !seq.touched || seq.mustTouch) {
		seq.touch()
	}
	if seq.opt.Announce != nil && (out.tree.New || seq.isFirst) {
		seq.opt.Announce(out.tree, out.previous)
	}
	seq.isFirst = false
}
