package repo

import (
	"context"
	"sync"
	"time"
)

// job runs one piece of work in the background at a time.
type job struct {
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
func (j *job) start(ctx context.Context, work func(context.Context)) {
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
func (j *job) launch(base context.Context, work func(context.Context)) {
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
func (j *job) rest() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rested = !j.again
	j.wake()
}

// wake has the waiters check again. It needs j.mu.
func (j *job) wake() {
	for _, w := range j.waiters {
		close(w)
	}
	j.waiters = nil
}

// wait blocks until nothing is under way but waiting for a time to come, or
// ctx ends.
func (j *job) wait(ctx context.Context) error {
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
func (j *job) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	if j.cancel != nil {
		j.cancel()
	}
}

// end cancels what is under way, and waits for its end as long as ctx lasts.
func (j *job) end(ctx context.Context) error {
	j.mu.Lock()
	j.again = false
	if j.cancel != nil {
		j.cancel()
	}
	j.mu.Unlock()
	return j.wait(ctx)
}

// backoff says when something that failed is tried again: after twice as long
// each time.
type backoff struct {
	mu   sync.Mutex
	next time.Time
	wait time.Duration // since the last failure; 0: there was none
}

func (b *backoff) due(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !now.Before(b.next)
}

// failed returns how long to wait.
func (b *backoff) failed(now time.Time, least, most time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wait = min(max(2*b.wait, least), most)
	b.next = now.Add(b.wait)
	return b.wait
}

func (b *backoff) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wait, b.next = 0, time.Time{}
}
