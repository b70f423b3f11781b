package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"git-sync/pkg/repo"
)

// outcome is what came of one sync.
type outcome struct {
	tree      repo.Tree
	previous  string // hash that was published before
	err       error
	held      bool      // the pre-publish hook was not run: it refused the same revision a moment ago
	gateAgain time.Time // when the revision that was refused is tried again
	started   time.Time
	ended     time.Time
}

// attempt is a sync under way.
type attempt struct {
	request *request
	done    chan outcome // has room for the one outcome
}

// ended gives the outcome; on nil it blocks for ever.
func (a *attempt) ended() <-chan outcome {
	if a == nil {
		return nil
	}
	return a.done
}

// attempt makes one sync and watches over it: it returns when the sync has ended, or when its time and the time for
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

// takeSlot waits for a slot and says whether there is one before ctx ends. What the loop waits for is limited by the timeouts
// of other loops, so it does not count as stuck meanwhile.
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

// timed makes one sync within its time.
func (s *Syncer) timed(ctx context.Context) outcome {
	out := outcome{started: time.Now()}
	limited, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	s.line.run(limited, &out)
	if out.err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		out.err = timedOut(s.opt.Timeout, out.err)
	}
	out.ended = time.Now()
	return out
}

// line is the straight line of one sync, and what one sync remembers for the next. It belongs to the running sync.
type line struct {
	opt       Options
	isFirst   bool // the tree in place has not been announced yet
	touched   bool // but the touch file was touched for it
	mustTouch bool // touching has failed

	refused      *RefusedError // the last revision that the gate refused
	refusedUntil time.Time
}

// run makes one sync: credentials, tree, gate, commit point, announcement, clean-up.
func (l *line) run(ctx context.Context, out *outcome) {
	steps := l.opt.Steps
	before, _ := steps.Published()
	out.previous = before.Hash
	if out.err = steps.Refresh(ctx); out.err == nil {
		out.tree, out.err = steps.Prepare(ctx)
	}
	if out.err != nil {
		l.restore(ctx, out.previous, out.err)
		return
	}
	if l.publish(ctx, out); out.err == nil {
		l.opt.Steps.Clean(ctx)
	}
}

// publish publishes the tree, if it is new, and announces it.
func (l *line) publish(ctx context.Context, out *outcome) {
	if out.tree.New {
		if out.held, out.err = l.gate(ctx, out); out.err != nil {
			return
		}
		if out.tree, out.err = l.opt.Steps.Publish(ctx, out.tree); out.err != nil {
			return
		}
	}
	l.announce(out)
}

// restore mends what is published where that can be done without the remote. The sync has failed all the same.
func (l *line) restore(ctx context.Context, previous string, cause error) {
	out := outcome{previous: previous}
	out.tree, out.err = l.opt.Steps.Restore(ctx, cause)
	if out.err == nil && out.tree.New {
		l.publish(ctx, &out)
	}
	log := l.opt.Log.WithValues("hash", out.tree.Hash)
	switch {
	case out.err != nil:
		log.V(1).Info("what is published could not be made anew without the remote", "because", out.err.Error())
	case out.tree.New:
		log.Info("published anew without the remote: it was damaged or gone", "path", out.tree.Path)
		l.opt.Steps.Clean(ctx)
	default:
		l.touchEarly()
	}
}

// touchEarly touches the touch file for what was in place at start, if that may be used: it must not wait for the remote.
func (l *line) touchEarly() {
	if !l.isFirst || l.touched || l.opt.Touch == nil {
		return
	}
	if rev, ok := l.opt.Steps.Published(); ok && rev.Unusable == "" {
		l.touch()
		l.touched = !l.mustTouch
	}
}

// touch touches the touch file, or else remembers that it is behind.
func (l *line) touch() {
	err := l.opt.Touch()
	if l.mustTouch = err != nil; l.mustTouch {
		l.opt.Log.Error(err, "touching the touch file failed; it will be tried again at the next sync")
	}
}

// gate asks the pre-publish hook; held says that it was not asked, for its answer is too young to be another.
func (l *line) gate(ctx context.Context, out *outcome) (held bool, err error) {
	if l.opt.Gate == nil {
		return false, nil
	}
	if l.refused != nil && l.refused.Hash == out.tree.Hash && time.Now().Before(l.refusedUntil) {
		out.gateAgain = l.refusedUntil
		return true, l.refused
	}
	l.refused = nil
	l.opt.Log.V(1).Info("running the pre-publish hook", "hash", out.tree.Hash)
	err = l.opt.Gate(ctx, out.tree, out.previous)
	if err == nil {
		return false, nil
	}
	if ctx.Err() != nil {
		return false, fmt.Errorf("running the pre-publish hook: %w", err)
	}
	l.refused = &RefusedError{Hash: out.tree.Hash, Err: err}
	l.refusedUntil = time.Now().Add(l.opt.GateBackoff)
	out.gateAgain = l.refusedUntil
	return false, l.refused
}

// announce announces what is published: after each publication, and once what was in place at start.
func (l *line) announce(out *outcome) {
	if l.opt.Touch != nil && (out.tree.New || l.isFirst && !l.touched || l.mustTouch) {
		l.touch()
	}
	if l.opt.Announce != nil && (out.tree.New || l.isFirst) {
		l.opt.Announce(out.tree, out.previous)
	}
	l.isFirst = false
}
