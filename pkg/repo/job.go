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
	done   chan struct{} // closed when the work under way has ended; nil: there is none
	again  bool          // asked for while it ran
	closed bool
}

// start runs work in the background, with ctx's values but not its end. While
// it is at work already, it is run once more afterwards.
func (j *job) start(ctx context.Context, work func(context.Context)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.again = j.done != nil; !j.again && !j.closed {
		j.launch(context.WithoutCancel(ctx), work)
	}
}

// launch needs j.mu.
func (j *job) launch(base context.Context, work func(context.Context)) {
	ctx, cancel := context.WithCancel(base)
	done := make(chan struct{})
	j.cancel, j.done, j.again = cancel, done, false
	go func() {
		work(ctx)
		cancel()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.done = nil
		if j.again && !j.closed {
			j.launch(base, work)
		}
		close(done)
	}()
}

// wait blocks until nothing is under way, or ctx ends.
func (j *job) wait(ctx context.Context) error {
	for {
		j.mu.Lock()
		done := j.done
		j.mu.Unlock()
		if done == nil {
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stop cancels what is under way, and blocks until it has ended. Nothing starts
// afterwards.
func (j *job) stop() {
	j.mu.Lock()
	j.closed = true
	if j.cancel != nil {
		j.cancel()
	}
	done := j.done
	j.mu.Unlock()
	if done != nil {
		<-done
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
