package auth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// socketDirs is how directories for sockets begin.
	socketDirs = "git-sync-ssh-"
	// maxSocketPath is what a socket's name can be: sun_path of unix(7), less its end.
	maxSocketPath = 107
	// socketSuffix is what ssh appends to the name while it makes the socket: a dot and 16 letters.
	socketSuffix = 17
	// leftFor is how old a directory is at least that is taken for left behind.
	leftFor = time.Minute
)

// socketDir is a directory for sockets that only our own UID can look into. It is made when the first
// one is asked for, and again when it is not there any more.
type socketDir struct {
	path  string
	dir   *os.File // locked for as long as we live
	count int      // sockets so far
}

// next names a socket that there has not been before, below tmp if that does.
func (s *socketDir) next(tmp string) (string, error) {
	if !s.sound() {
		_ = s.close() // what is there is not ours
		var problems []error
		// A container whose root is read-only has its own /dev/shm all the same.
		for _, parent := range []string{tmp, "/tmp", "/dev/shm"} {
			err := s.make(parent)
			if err == nil {
				break
			}
			problems = append(problems, err)
		}
		if s.dir == nil {
			return "", fmt.Errorf("there is no place for a socket: %w", oneLine(problems))
		}
	}
	s.count++
	return filepath.Join(s.path, strconv.Itoa(s.count)), nil
}

// make makes the directory below parent. Its name suits sockets and ssh, to which % and white space mean something.
func (s *socketDir) make(parent string) error {
	const most = 20 // digits of a counter
	if !filepath.IsAbs(parent) || strings.ContainsAny(parent, "\"\\ \t\n%$~#'") {
		return fmt.Errorf("%q does not do", parent)
	}
	sweepSockets(parent, leftFor)
	path, err := os.MkdirTemp(parent, socketDirs)
	if err != nil {
		return err
	}
	if err = trySocket(path); err == nil && len(path)+1+most+socketSuffix > maxSocketPath {
		err = fmt.Errorf("%s: too long a name for a socket", path)
	}
	var dir *os.File
	if err == nil {
		dir, err = lockDir(path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(path))
	}
	s.path, s.dir = path, dir
	return nil
}

// trySocket makes a socket's file as ssh does: not every file system has them, or can link them.
func trySocket(dir string) error {
	first, second := filepath.Join(dir, "try"), filepath.Join(dir, "again")
	err := unix.Mknod(first, unix.S_IFSOCK|0o600, 0)
	if err == nil {
		err = unix.Link(first, second)
	}
	if err == nil {
		err = errors.Join(os.Remove(first), os.Remove(second))
	}
	if err != nil {
		return fmt.Errorf("%s: no socket can be made: %w", dir, err)
	}
	return nil
}

// lockDir opens a directory and locks it, if nobody has.
func lockDir(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), path), nil
}

// sweepSockets removes the directories older than age that were left below parent by who was killed.
func sweepSockets(parent string, age time.Duration) {
	found, _ := filepath.Glob(filepath.Join(parent, socketDirs+"*")) // the pattern is a good one
	for _, path := range found {
		var stat unix.Stat_t
		if unix.Lstat(path, &stat) != nil || int(stat.Uid) != os.Getuid() || time.Since(time.Unix(stat.Ctim.Unix())) < age {
			continue
		}
		dir, err := lockDir(path)
		if err != nil {
			continue // it is somebody's
		}
		_ = os.RemoveAll(path) // next time
		closeAfterReading(dir)
	}
}

// sound reports whether the directory is there, and is the one that was made.
func (s *socketDir) sound() bool {
	if s.dir == nil {
		return false
	}
	made, err := s.dir.Stat()
	if err != nil {
		return false
	}
	found, err := os.Lstat(s.path)
	return err == nil && os.SameFile(made, found) && found.Mode() == os.ModeDir|0o700
}

// serves reports whether there is a socket of that name, in the directory that was made.
func (s *socketDir) serves(socket string) bool {
	info, err := os.Lstat(socket)
	return err == nil && info.Mode()&os.ModeSocket != 0 && s.sound()
}

// close removes the directory.
func (s *socketDir) close() error {
	if s.dir == nil {
		return nil
	}
	var err error
	if s.sound() {
		err = os.RemoveAll(s.path)
	}
	closeAfterReading(s.dir)
	s.dir, s.path = nil, ""
	return err
}
