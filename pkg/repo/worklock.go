package repo

import (
	"context"
	"fmt"
	"sync/atomic"

	"git-sync/pkg/advice"
)

// workLock is held by a sync, from polling the remote to publishing, and for moments by the background jobs.
type workLock struct {
	held  chan struct{} // full while the lock is held
	doing atomic.Value  // what the holder is doing: a string
}

func newWorkLock() *workLock { return &workLock{held: make(chan struct{}, 1)} }

// Enter takes the lock in order to do something, unless ctx has ended. It blocks until the lock is free or ctx ends.
// If ctx ends, the error says what the holder of the lock is doing.
func (l *workLock) Enter(ctx context.Context, doing string) error {
	select {
	case l.held <- struct{}{}:
	default:
		select {
		case l.held <- struct{}{}:
		case <-ctx.Done():
			return errBusy(l.doing.Load(), ctx.Err())
		}
	}
	if err := ctx.Err(); err != nil {
		l.Unlock()
		return err
	}
	l.doing.Store(doing)
	return nil
}

// Lock takes the lock, and blocks until it is free.
func (l *workLock) Lock() { l.held <- struct{}{} }

// Unlock releases the lock.
func (l *workLock) Unlock() { <-l.held }

// enterOwn takes the work lock for a background job. It fails if this process no longer holds the root's lock, or has
// not prepared the root for work.
func (r *Repo) enterOwn(ctx context.Context, doing string) error {
	err := r.work.Enter(ctx, doing)
	if err == nil && (!r.state.started || !r.lock.holds()) {
		r.work.Unlock()
		err = errReplaced
	}
	return err
}

// errBusy says that git-sync itself was using the root, for example to clean up.
func errBusy(doing any, err error) error {
	return advice.With(fmt.Errorf("waiting for git-sync's own %v: %w", doing, err),
		"this normally takes a moment; if it takes longer, the volume is very slow or blocked: check it, or raise --sync-timeout")
}
