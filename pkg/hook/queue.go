package hook

import (
	"context"
	"math/bits"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// QueueOptions say how a Queue deals with failures.
type QueueOptions struct {
	// Backoff is the pause between a failure and the next try.
	Backoff time.Duration
	// Once gives each revision one try only, for one-time runs.
	Once bool
	// Log gets a line for each delivery, for a failure that is new, and for a recovery.
	Log logr.Logger
}

// Queue runs a hook for revisions, one at a time, the newest only. It is made by NewQueue, and its methods
// may be called from any goroutine.
type Queue struct {
	runner Runner
	opt    QueueOptions
	ledger *ledger

	mu      sync.Mutex
	wanted  *Event        // the newest event, nil once it was accepted
	number  int           // counts the events sent
	failed  int           // the number of the last event that failed
	err     error         // what it failed with
	changed chan struct{} // closed, and replaced, at each change of the above
}

// NewQueue makes a queue for a hook. Nothing is run before Run.
func NewQueue(r Runner, o QueueOptions) *Queue {
	return &Queue{runner: r, opt: o, ledger: newLedger(r.Name()), changed: make(chan struct{})}
}

// Send has the hook run for a revision, instead of any earlier one that it has not accepted yet. It never blocks.
//
// The hook gets to see as the previous revision the last one that it accepted, if there is one: for it, those in between
// have never been.
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

// Run runs the hook for what is sent, until ctx ends, and returns once no run is under way any more. Call it once.
func (q *Queue) Run(ctx context.Context) {
	for {
		e, number, ok := q.next(ctx)
		if !ok {
			return
		}
		begun := q.ledger.begin()
		err := q.runner.Run(ctx, e)
		if err != nil && ctx.Err() != nil {
			q.ledger.abandon()
			return
		}
		before := q.ledger.end(begun, e.Hash, err)
		q.logRun(e, err, before) // first: the process may exit after finish
		newer := q.finish(e, number, err)
		if err != nil && !q.opt.Once && pause(ctx, q.opt.Backoff, newer) != nil {
			return
		}
	}
}

// Wait blocks until the newest revision sent was accepted, and returns nil; or, with Once, has failed, and returns why. When
// ctx ends first it returns ctx's error. Run has to be running meanwhile.
func (q *Queue) Wait(ctx context.Context) error {
	for {
		q.mu.Lock()
		settled := q.wanted == nil || q.exhausted()
		err, changed := q.err, q.changed
		q.mu.Unlock()
		if settled {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Report returns what is known about the hook now.
func (q *Queue) Report() Report {
	r := q.ledger.snapshot()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.wanted != nil {
		r.Pending = q.wanted.Hash
	}
	return r
}

// next waits for something to do; false: ctx has ended.
func (q *Queue) next(ctx context.Context) (Event, int, bool) {
	for {
		q.mu.Lock()
		changed := q.changed
		if q.wanted != nil && !q.exhausted() && ctx.Err() == nil {
			e, number := *q.wanted, q.number
			q.mu.Unlock()
			return e, number, true
		}
		q.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, 0, false
		}
	}
}

// exhausted says that the newest event has had the only try it gets.
func (q *Queue) exhausted() bool { return q.opt.Once && q.failed == q.number }

// finish notes the outcome of a run, and returns a channel that is closed as soon as there is a newer event.
func (q *Queue) finish(e Event, number int, err error) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	newest := number == q.number
	switch {
	case err != nil:
		q.failed, q.err = number, err
	case newest:
		q.wanted, q.err = nil, nil
	default:
		q.wanted.Previous, q.err = e.Hash, nil
	}
	q.signal()
	if !newest {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return q.changed
}

// signal wakes those who wait for a change.
func (q *Queue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// logRun logs a run, before being what was known until then. A failure that repeats is logged ever more rarely: at the second,
// fourth, eighth, ... time.
func (q *Queue) logRun(e Event, err error, before Report) {
	log := q.opt.Log.WithValues("hook", q.runner.Name(), "hash", e.Hash)
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
	log.V(1).Info("hook failed again", "reason", err.Error())
}
