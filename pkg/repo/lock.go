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

	"git-sync/pkg/advice"
	"git-sync/pkg/repo/internal/disk"
)

// lockRetry is how often a held lock is tried again.
const lockRetry = 100 * time.Millisecond

// lockFileName is the lock where a directory cannot be locked (NFS turns flock
// into a record lock, which needs a file that is open for writing).
const lockFileName = disk.TempPrefix + "lock"

// rootLock is the advisory lock on the root, so that one process writes to it.
// The kernel drops the lock when its holder dies, however it dies.
type rootLock struct {
	shared bool // a file to lock is writable by its group, whatever our umask
	file   *os.File
	info   fs.FileInfo // of what was locked
}

// held reports whether the lock was taken.
func (l *rootLock) held() bool { return l.file != nil }

// holds reports whether what was locked is still what the root's path leads
// to: where it is not, everybody else may lock that too. When that cannot be told,
// nothing is known to have changed.
func (l *rootLock) holds() bool {
	if l.file == nil {
		return false
	}
	info, err := os.Stat(l.file.Name())
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return os.SameFile(info, l.info)
}

// take takes the lock. It blocks until the lock is free or ctx ends, and calls
// waiting when it is not free.
func (l *rootLock) take(ctx context.Context, root string, waiting func()) error {
	f, err := os.Open(root)
	if err != nil {
		return fmt.Errorf("opening the root to lock it: %w", err)
	}
	err = flock(ctx, f, root, waiting)
	if err != nil && !errors.Is(err, errLocked) {
		_ = f.Close()
		if f, err = l.openFile(root); err != nil {
			return fmt.Errorf("creating the root's lock: %w", err)
		}
		err = flock(ctx, f, root, waiting)
	}
	if err == nil {
		l.info, err = f.Stat()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file = f
	return nil
}

// openFile opens the file that is locked where a directory cannot be.
func (l *rootLock) openFile(root string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(root, lockFileName), os.O_RDWR|os.O_CREATE, 0o660)
	if err == nil && l.shared {
		err = disk.Share(f.Name(), 0o660)
	}
	return f, err
}

// release gives the lock up.
func (l *rootLock) release() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file, l.info = nil, nil
	return err
}

func flock(ctx context.Context, f *os.File, root string, waiting func()) error {
	for first := true; ; {
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
		if first {
			waiting()
			first = false
		}
		select {
		case <-ctx.Done():
			return advice.With(fmt.Errorf("%w that works on %s: %w", errLocked, root, ctx.Err()),
				"one process can write to a root at a time: give each its own --root, or stop the other one")
		case <-time.After(lockRetry):
		}
	}
}

// errReplaced is why a tree cannot be published in the root for which it was
// made.
var errReplaced = errors.New("the root has been removed or replaced meanwhile")

// errLocked says that another git-sync works on the same root.
var errLocked = errors.New("waiting for another git-sync")
