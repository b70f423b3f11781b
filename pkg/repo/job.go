package repo

import (
	"context"
	"sync"
	"time"
)

// job runs work in the background, one run at a time.
type job struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}         // closed when the current run has ended; nil: nothing runs
	next   func(context.Context) // what start was called with during the run; nil: it was not
	closed bool
	// notBefore is when the next run is due. The work itself checks that, because start may be called too early.
	notBefore time.Time
}

// start runs work in the background, with ctx's values but without its cancellation. If the job runs already, the
// work runs afterwards.
func (j *job) start(ctx context.Context, work func(context.Context)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.done != nil {
		j.next = work
	} else if !j.closed {
		j.launch(context.WithoutCancel(ctx), work)
	}
}

// launch needs j.mu.
func (j *job) launch(base context.Context, work func(context.Context)) {
	ctx, cancel := context.WithCancel(base)
	done := make(chan struct{})
	j.cancel, j.done, j.next = cancel, done, nil
	go func() {
		work(ctx)
		cancel()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.done = nil
		if j.next != nil && !j.closed {
			j.launch(base, j.next)
		}
		close(done)
	}()
}

// wait blocks until nothing runs, or until ctx ends.
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

// stop ends the job for good: later calls of start do nothing. It blocks until the current run has ended.
func (j *job) stop() {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	<-j.interrupt()
}

// end cancels the current run, and blocks until it has ended or ctx ends.
func (j *job) end(ctx context.Context) error {
	select {
	case <-j.interrupt():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// interrupt cancels the current run, and returns a channel that is closed when that has ended.
func (j *job) interrupt() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next = nil
	if j.done == nil {
		ended := make(chan struct{})
		close(ended)
		return ended
	}
	j.cancel()
	return j.done
}

// pause keeps the job from being due until a time; zero means that it is due at once.
func (j *job) pause(until time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notBefore = until
}

func (j *job) due(now time.Time) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !now.Before(j.notBefore)
}
