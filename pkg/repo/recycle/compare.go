package recycle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"

	"golang.org/x/sys/unix"
)

// prune takes out of the directory at, called name within the tree, what is not
// of n, and directories that are empty then; empty says that it is one itself.
// It is done before git writes: of what does not belong there, an attributes
// file would decide how git writes the files beside it, and a link in place of
// a directory what it takes for that directory's files.
func prune(trash disk.Trash, n index.Names, at, name string) (empty bool, err error) {
	d, err := os.Open(at)
	if err != nil {
		return false, err
	}
	entries, err := d.ReadDir(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return false, err
	}
	left := 0
	for _, e := range entries {
		child, within := filepath.Join(at, e.Name()), path.Join(name, e.Name())
		gone := false
		switch {
		case e.IsDir() && n.Dir(within):
			if gone, err = prune(trash, n, child, within); gone {
				err = os.Remove(child)
			}
		case e.IsDir():
			gone, err = true, trash.Discard(child) // it may be big
		case !n.File(within):
			gone, err = true, os.Remove(child)
		}
		if err != nil {
			return false, err
		}
		if !gone {
			left++
		}
	}
	return left == 0, nil
}

var errNotPlain = errors.New("the tree differs from a fresh checkout")

// checkPlain checks that the directory dir holds exactly the files of the index
// with names n, all of which git has just seen to be there; no empty directory; and
// that all directories are of one owner and of that mode.
func checkPlain(dir string, n index.Names, mode, umask fs.FileMode) error {
	if !n.Whole {
		return index.ErrUnreadable
	}
	c := counter{names: n, mode: mode, umask: uint32(umask)}
	if err := c.count(dir, ""); err != nil {
		return err
	}
	if files := c.files - 1; files != n.Len() { // without .git
		return fmt.Errorf("%w: %d files instead of %d", errNotPlain, files, n.Len())
	}
	return nil
}

// counter counts what is in a tree.
type counter struct {
	names    index.Names
	files    int
	mode     fs.FileMode // of every directory
	uid, gid uint32
	started  bool
	umask    uint32
}

// count counts what is in the directory at, called name within the tree.
func (c *counter) count(at, name string) error {
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.ErrUnsupported
	}
	if !c.started {
		c.uid, c.gid, c.started = stat.Uid, stat.Gid, true
	}
	if info.Mode() != c.mode || stat.Uid != c.uid || stat.Gid != c.gid {
		return fmt.Errorf("%w: mode or owner of %s", errNotPlain, at)
	}
	d, err := os.Open(at)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	before := c.files
	for {
		entries, err := d.ReadDir(256)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := c.add(d, name, entries); err != nil {
			return err
		}
	}
	if c.files == before {
		return fmt.Errorf("%w: %s is empty", errNotPlain, at)
	}
	return nil
}

func (c *counter) add(d *os.File, name string, entries []fs.DirEntry) error {
	for _, e := range entries {
		within := path.Join(name, e.Name())
		if e.IsDir() {
			if err := c.count(filepath.Join(d.Name(), e.Name()), within); err != nil {
				return err
			}
			continue
		}
		c.files++
		if within != disk.GitName && !c.names.File(within) {
			return fmt.Errorf("%w: %s is there", errNotPlain, within)
		}
		var stat unix.Stat_t
		if err := unix.Fstatat(int(d.Fd()), e.Name(), &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		if !c.made(&stat) {
			return fmt.Errorf("%w: mode or owner of %s", errNotPlain, within)
		}
	}
	return nil
}

// made reports whether a file has the mode and owner with which git makes
// files. Whether it is executable git itself has compared; it does not look
// at the other bits.
func (c *counter) made(stat *unix.Stat_t) bool {
	want := uint32(0o666)
	switch {
	case stat.Uid != c.uid || stat.Gid != c.gid:
		return false
	case stat.Mode&unix.S_IFMT == unix.S_IFLNK:
		return true
	case stat.Mode&unix.S_IFMT != unix.S_IFREG:
		return false
	case stat.Mode&0o100 != 0:
		want = 0o777
	}
	return stat.Mode&0o7777 == want&^c.umask
}
