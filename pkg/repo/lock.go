package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
// when its holder dies, however it dies. Where the root is not the directory
// any more that was locked, the one in its place is: everybody else may lock
// that too. It needs the work lock.
func (r *Repo) acquire(ctx context.Context) error {
	if r.lock != nil {
		if r.holds() {
			return nil
		}
		r.log.Info("the root has been removed or replaced, beginning anew", "root", r.root)
		r.letGo()
		if err := errors.Join(os.MkdirAll(r.root, 0o777), os.MkdirAll(filepath.Dir(r.link), 0o777)); err != nil {
			return fmt.Errorf("making the root anew: %w", err)
		}
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
	if err == nil {
		r.locked, err = f.Stat()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r.lock, r.lockName = f, f.Name()
	return nil
}

// holds reports whether what was locked is still what the root's path leads
// to. When that cannot be told, nothing is known to have changed. It needs the
// work lock.
func (r *Repo) holds() bool {
	if r.locked == nil {
		return false
	}
	info, err := os.Stat(r.lockName)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return os.SameFile(info, r.locked)
}

// letGo gives up a lock that protects nothing any more, and forgets what was
// known of the root.
func (r *Repo) letGo() {
	_ = r.lock.Close() // a directory or an empty file that was removed: there is nothing to lose
	r.lock, r.locked = nil, nil
	r.started, r.tidied, r.corrupt, r.prepared = false, false, false, ""
	r.view, r.seen = view{}, inventory{}
	clear(r.records)
	clear(r.damaged)
	clear(r.checked)
	clear(r.retired)
}

// errReplaced is why a tree cannot be published in the root for which it was
// made.
var errReplaced = errors.New("the root has been removed or replaced meanwhile")

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
			r.glance() // the other one looks after what is published
			said = true
		}
		select {
		case <-ctx.Done():
			return &LockedError{Root: r.root, Err: ctx.Err()}
		case <-time.After(lockRetry):
		}
	}
}
