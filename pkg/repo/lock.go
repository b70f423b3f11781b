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

const (
	lockRetry  = 100 * time.Millisecond // how often a held lock is tried again
	lockRepeat = time.Minute            // how often the log repeats that the lock is held
)

// lockFileName is the file to lock where a directory cannot be locked: NFS turns flock into a record lock, which
// needs a file that is open for writing.
const lockFileName = disk.TempPrefix + "lock"

// oneWriter is the hint if another process holds the lock.
const oneWriter = "one process can write to a root at a time: give each its own --root, or stop the other one"

// rootLock is the advisory lock on the root, so that only one process writes to it. The kernel releases the lock when
// its holder dies.
type rootLock struct {
	shared bool // a lock file is made writable by its group, whatever the umask
	file   *os.File
	info   fs.FileInfo // of what was locked
}

// held reports whether the lock was taken.
func (l *rootLock) held() bool { return l.file != nil }

// holds reports whether the root's path still leads to what was locked. If it does not, another process can lock the
// new root. If that cannot be determined, holds assumes that nothing has changed.
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

// take takes the lock. It blocks until the lock is free or ctx ends. While the lock is held by another process, it
// calls waiting, at once and then every minute.
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

// openFile opens the file to lock where a directory cannot be locked.
func (l *rootLock) openFile(root string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(root, lockFileName), os.O_RDWR|os.O_CREATE, 0o660)
	if err == nil && l.shared {
		err = disk.Share(f.Name(), 0o660)
	}
	return f, err
}

// release releases the lock.
func (l *rootLock) release() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file, l.info = nil, nil
	return err
}

func flock(ctx context.Context, f *os.File, root string, waiting func()) error {
	for next := time.Now(); ; {
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
		if !time.Now().Before(next) {
			waiting()
			next = next.Add(lockRepeat)
		}
		select {
		case <-ctx.Done():
			return advice.With(fmt.Errorf("%w that works on %s: %w", errLocked, root, ctx.Err()), oneWriter)
		case <-time.After(lockRetry):
		}
	}
}

// errReplaced says that the root for which a tree was made is gone, so that the tree cannot be published.
var errReplaced = errors.New("the root has been removed or replaced meanwhile")

// errLocked says that another git-sync holds the lock on the root.
var errLocked = errors.New("waiting for another git-sync")
