package repo

import (
	"context"
	"fmt"
	"sync"

	"git-sync/pkg/advice"
)

// workLock is held by a sync from asking the remote to publishing, and by the
// background for moments.
type workLock struct {
	held chan struct{} // has room for the one that holds it

	mu    sync.Mutex
	doing string // what the holder does
}

func newWorkLock() *workLock { return &workLock{held: make(chan struct{}, 1)} }

// Enter takes the lock to do something, unless ctx has ended. It blocks until the
// lock is free or ctx ends, and then says what was in the way.
func (l *workLock) Enter(ctx context.Context, doing string) error {
	select {
	case l.held <- struct{}{}:
	default:
		select {
		case l.held <- struct{}{}:
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			return errBusy(l.doing, ctx.Err())
		}
	}
	if err := ctx.Err(); err != nil {
		l.Unlock()
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doing = doing
	return nil
}

// Lock takes the lock, and blocks until it is free.
func (l *workLock) Lock() { l.held <- struct{}{} }

// Unlock releases the lock.
func (l *workLock) Unlock() { <-l.held }

// ownRoot is a root whose lock is held and that has been made fit for work:
// nobody else may change it while it is entered.
type ownRoot struct{ *Repo }

// Enter takes the work lock, and fails where the root is not ours any more.
func (r ownRoot) Enter(ctx context.Context, doing string) error {
	err := r.work.Enter(ctx, doing)
	if err == nil && (!r.state.started || !r.lock.holds()) {
		r.work.Unlock()
		err = errReplaced
	}
	return err
}

// Unlock releases the work lock.
func (r ownRoot) Unlock() { r.work.Unlock() }

// errBusy says that the root was in use by git-sync itself, which cleans up between
// syncs.
func errBusy(doing string, err error) error {
	return advice.With(fmt.Errorf("waiting for git-sync's own %s: %w", doing, err),
		"that takes moments; where it does not, the volume is very slow or blocked: look at it, or give more time by --sync-timeout")
}
