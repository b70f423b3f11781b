package repo

import (
	"context"
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

// workLock is held by a sync from asking the remote to publishing, and by the
// background for moments; and by a collection of garbage, which gives way to
// a sync.
type workLock struct {
	sync.Mutex
	mu          sync.Mutex
	waiting     int
	yield       context.CancelFunc // ends the collection under way
	interrupted int                // collections ended in a row
}

// maxInterrupted is how many collections in a row give way to syncs before
// one is let to its end, so that a busy repository does not fill the disk.
const maxInterrupted = 3

// enter takes the lock for a sync, ending a collection that holds it.
func (l *workLock) enter() {
	l.mu.Lock()
	l.waiting++
	if l.yield != nil && l.interrupted < maxInterrupted {
		l.interrupted++
		l.yield()
	}
	l.mu.Unlock()
	l.Lock()
	l.mu.Lock()
	l.waiting--
	l.mu.Unlock()
}

// collecting announces a collection, by one who holds the lock; false when a
// sync waits for it.
func (l *workLock) collecting(ctx context.Context) (context.Context, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting > 0 && l.interrupted < maxInterrupted {
		return nil, false
	}
	ctx, l.yield = context.WithCancel(ctx)
	return ctx, true
}

// collected ends what collecting began.
func (l *workLock) collected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.yield()
	l.yield = nil
}

// forgive notes that a collection has come to its end.
func (l *workLock) forgive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interrupted = 0
}
