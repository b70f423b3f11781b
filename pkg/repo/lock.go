package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockRetry is how often a held lock is tried again.
const lockRetry = 100 * time.Millisecond

// lockFileName is the lock where a directory cannot be locked (NFS turns flock
// into a record lock, which needs a file that is open for writing).
const lockFileName = tempPrefix + "lock"

// acquire takes the advisory lock on the root, so that one process writes to
// it. It blocks until the lock is free or ctx ends. The kernel drops the lock
// when its holder dies, however it dies.
func (r *Repo) acquire(ctx context.Context) error {
	if r.lock != nil {
		return nil
	}
	f, err := os.Open(r.root)
	if err != nil {
		return fmt.Errorf("opening the root to lock it: %w", err)
	}
	err = r.flock(ctx, f)
	if err != nil && !isLockTimeout(err) {
		_ = f.Close()
		f, err = os.OpenFile(filepath.Join(r.root, lockFileName), os.O_RDWR|os.O_CREATE, 0o660)
		if err != nil {
			return fmt.Errorf("creating the root's lock: %w", err)
		}
		err = r.flock(ctx, f)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r.lock = f
	return nil
}

// LockedError says that another git-sync works on the same root.
type LockedError struct {
	Root string
	Err  error // why waiting ended
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("waiting for another git-sync that works on %s: %v", e.Root, e.Err)
}

func (e *LockedError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (*LockedError) Hint() string {
	return "one process can write to a root at a time: give each its own --root, or stop the other one"
}

func isLockTimeout(err error) bool {
	var locked *LockedError
	return errors.As(err, &locked)
}

func (r *Repo) flock(ctx context.Context, f *os.File) error {
	said := false
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("locking %s: %w", f.Name(), err)
		}
		if !said {
			r.log.Info("waiting for another git-sync that holds the root", "root", r.root)
			said = true
		}
		select {
		case <-ctx.Done():
			return &LockedError{Root: r.root, Err: ctx.Err()}
		case <-time.After(lockRetry):
		}
	}
}
