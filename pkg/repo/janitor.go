package repo

import (
	"context"
	"fmt"
	"sync"
)

// janitor runs one piece of work in the background at a time.
type janitor struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	busy   bool // work is under way
	rested bool // the work under way only waits for a time to come
	again  bool // asked for while it ran
	closed bool
	// waiters are closed, and forgotten, when something has changed.
	waiters []chan struct{}
}

// start runs work in the background, with ctx's values but not its end. While
// it is at work already, it is run once more afterwards; one that only waits
// is cut short for that.
func (j *janitor) start(ctx context.Context, work func(context.Context)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	if j.busy {
		if j.rested {
			j.cancel()
		}
		j.again, j.rested = true, false
		return
	}
	j.launch(context.WithoutCancel(ctx), work)
}

// launch needs j.mu.
func (j *janitor) launch(base context.Context, work func(context.Context)) {
	ctx, cancel := context.WithCancel(base)
	j.cancel, j.busy, j.again, j.rested = cancel, true, false, false
	go func() {
		work(ctx)
		cancel()
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.again && !j.closed {
			j.launch(base, work)
		} else {
			j.busy = false
		}
		j.wake()
	}()
}

// rest says that the work under way has done what there is to do for now, and
// waits.
func (j *janitor) rest() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rested = !j.again
	j.wake()
}

// wake tells those who wait to look again. It needs j.mu.
func (j *janitor) wake() {
	for _, w := range j.waiters {
		close(w)
	}
	j.waiters = nil
}

// wait blocks until nothing is under way but waiting for a time to come, or
// ctx ends.
func (j *janitor) wait(ctx context.Context) error {
	for {
		j.mu.Lock()
		if !j.busy || j.rested {
			j.mu.Unlock()
			return nil
		}
		changed := make(chan struct{})
		j.waiters = append(j.waiters, changed)
		j.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stop ends what is under way; nothing starts afterwards. It does not wait: a
// removal under way ends with the process at the latest.
func (j *janitor) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	if j.cancel != nil {
		j.cancel()
	}
}

// end cancels what is under way, and waits for its end as long as ctx lasts.
func (j *janitor) end(ctx context.Context) error {
	j.mu.Lock()
	j.again = false
	if j.cancel != nil {
		j.cancel()
	}
	j.mu.Unlock()
	return j.wait(ctx)
}

// workLock is held by a sync from asking the remote to publishing, and by the
// background for moments.
type workLock struct {
	held chan struct{} // has room for the one who holds it

	mu    sync.Mutex
	doing string // what the holder does
}

func newWorkLock() workLock { return workLock{held: make(chan struct{}, 1)} }

// enter takes the lock to do something. It blocks until the lock is free or
// ctx ends, and then says what was in the way.
func (l *workLock) enter(ctx context.Context, doing string) error {
	select {
	case l.held <- struct{}{}:
	default:
		select {
		case l.held <- struct{}{}:
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			return &BusyError{Doing: l.doing, Err: ctx.Err()}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doing = doing
	return nil
}

// Unlock lets go of the lock.
func (l *workLock) Unlock() { <-l.held }

// BusyError says that the root was in use by git-sync itself, which cleans up
// between syncs.
type BusyError struct {
	Doing string // what it was used for
	Err   error  // why waiting ended
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("waiting for git-sync's own %s: %v", e.Doing, e.Err)
}

func (e *BusyError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (*BusyError) Hint() string {
	return "that takes moments; where it does not, the volume is very slow or blocked: look at it, or give more time by --sync-timeout"
}
