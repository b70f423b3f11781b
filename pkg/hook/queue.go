package hook

import (
	"cmp"
	"context"
	"math/bits"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// QueueOptions configures a Queue.
type QueueOptions struct {
	// Backoff is the delay between a failure and the retry.
	Backoff time.Duration
	// Once runs the hook only once for each revision. It is for one-time runs.
	Once bool
	// Log logs each success, each new failure, and each recovery.
	Log logr.Logger
}

// Queue runs a hook for the newest revision, one run at a time. Its methods are safe for concurrent use.
type Queue struct {
	hook *Recorder
	opt  QueueOptions

	mu      sync.Mutex
	wanted  *Event        // the newest event; nil after it was accepted
	number  int           // counts the events sent
	failed  int           // the number of the last event that failed
	err     error         // the error of that event
	changed chan struct{} // closed and replaced when one of the fields above changes
}

// NewQueue returns a queue for a hook. The hook is not run before Run.
func NewQueue(r Runner, o QueueOptions) *Queue {
	return &Queue{hook: NewRecorder(r), opt: o, changed: make(chan struct{})}
}

// Send queues a revision for the hook. It replaces an earlier one that the hook has not accepted yet. It never
// blocks.
//
// If the hook has accepted a revision before, that one is its previous revision: for the hook, those in between do
// not exist.
func (q *Queue) Send(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.wanted != nil {
		e.Previous = q.wanted.Previous
	}
	q.wanted = &e
	q.number++
	q.signal()
}

// Run runs the hook for queued revisions, until ctx ends. It returns when no run is active. Call it once.
func (q *Queue) Run(ctx context.Context) {
	for {
		e, number, ok := q.next(ctx)
		if !ok {
			return
		}
		before := q.hook.Report()
		err := q.hook.Run(ctx, e)
		if err != nil && ctx.Err() != nil {
			return
		}
		q.logRun(e, err, before) // first: the process may exit after finish
		q.finish(e, number, err)
		if err != nil && !q.opt.Once {
			q.pause(ctx, number)
		}
	}
}

// Wait blocks until the newest revision was accepted, and returns nil. With Once, it also returns when the hook has
// failed, with the error. If ctx ends first, it returns ctx's error. Run must be running.
func (q *Queue) Wait(ctx context.Context) error {
	var failed error
	ended := q.await(ctx, func() bool {
		failed = q.err
		return q.wanted == nil || q.exhausted()
	})
	return cmp.Or(ended, failed)
}

// Report returns the present state of the hook.
func (q *Queue) Report() Report {
	r := q.hook.Report()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.wanted != nil {
		r.Pending = q.wanted.Hash
	}
	return r
}

// next waits for an event; false: ctx has ended.
func (q *Queue) next(ctx context.Context) (e Event, number int, ok bool) {
	ended := q.await(ctx, func() bool {
		if q.wanted == nil || q.exhausted() || ctx.Err() != nil {
			return false
		}
		e, number = *q.wanted, q.number
		return true
	})
	return e, number, ended == nil
}

// pause waits for the backoff, or until there is a newer event than the one with that number.
func (q *Queue) pause(ctx context.Context, number int) {
	limited, cancel := context.WithTimeout(ctx, q.opt.Backoff)
	defer cancel()
	_ = q.await(limited, func() bool { return q.number != number })
}

// await blocks until a condition is true, or returns ctx's error if ctx ends first. The condition is called with the
// lock held.
func (q *Queue) await(ctx context.Context, condition func() bool) error {
	for {
		q.mu.Lock()
		met, changed := condition(), q.changed
		q.mu.Unlock()
		if met {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// exhausted reports whether the hook may not run again for the newest event.
func (q *Queue) exhausted() bool { return q.opt.Once && q.failed == q.number }

// finish records the result of a run.
func (q *Queue) finish(e Event, number int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case err != nil:
		q.failed, q.err = number, err
	case number == q.number:
		q.wanted, q.err = nil, nil
	default:
		q.wanted.Previous, q.err = e.Hash, nil
	}
	q.signal()
}

// signal wakes those that wait for a change.
func (q *Queue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// logRun logs a run. before is the report from before the run. Repetitions of a failure are logged at the second,
// fourth, eighth, ... time.
func (q *Queue) logRun(e Event, err error, before Report) {
	log := q.opt.Log.WithValues("hook", before.Name, "hash", e.Hash)
	if err == nil {
		if before.Failures > 0 {
			log = log.WithValues("failures", before.Failures)
		}
		log.Info("hook succeeded")
		return
	}
	failures := before.Failures + 1
	log = log.WithValues("failures", failures)
	if !q.opt.Once {
		log = log.WithValues("retryIn", q.opt.Backoff.String())
	}
	if before.LastError != err.Error() || bits.OnesCount(uint(failures)) == 1 {
		log.Error(err, "hook failed")
		return
	}
	log.V(1).Info("hook failed again", "error", err.Error())
}
