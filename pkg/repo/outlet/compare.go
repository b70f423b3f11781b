package outlet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"git-sync/pkg/repo/internal/disk"
)

// changed returns an error that names the first difference between dir and m; nil if there is none. If m was written
// during another boot, it also reads the files, because a power cut may have lost their content.
func (m *manifest) changed(ctx context.Context, dir string) error {
	if m.interrupted {
		return errors.New("an update did not end")
	}
	at, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = at.Close() }()
	fd, thisBoot := int(at.Fd()), m.Boot == disk.BootID()
	var stat unix.Stat_t
	for _, e := range m.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Mode&leftover != 0 {
			continue
		}
		// A path from an open directory costs less than one from the root of the file system.
		if err := unix.Fstatat(fd, e.Path, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return below(dir, &fs.PathError{Op: "lstat", Path: e.Path, Err: err})
		}
		same := intact(dir, modeOf(stat.Mode), state{int64(stat.Ino), stat.Size, stat.Mtim.Nano(), stat.Ctim.Nano()}, e)
		if same && e.Mode.IsRegular() && !thisBoot {
			sum, err := sumOf(filepath.Join(dir, e.Path))
			if err != nil {
				return err
			}
			same = sum == e.Sum
		}
		if !same {
			return fmt.Errorf("%s has changed", filepath.Join(dir, e.Path))
		}
	}
	m.compared = thisBoot
	return nil
}

// modeOf converts a mode of stat(2).
func modeOf(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFREG:
		if m&(unix.S_ISUID|unix.S_ISGID|unix.S_ISVTX) != 0 {
			mode |= fs.ModeSetuid // no file of ours has one of them
		}
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	}
	return mode // of anything else, the inode is another one than that of our file
}

// foreign returns a path in a directory that is not in m; empty if there is none.
func (m *manifest) foreign(dir string) (string, error) {
	ours := m.byPath()
	found := ""
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel := name[len(dir)+1:]
		if e, ok := ours[rel]; (!ok || e.Mode&borrowed != 0) && !strings.HasPrefix(rel, tempDir) {
			found = name
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}

// intact reports whether the mode and state of a file in dir show that e is unchanged.
func intact(dir string, mode fs.FileMode, now state, e entry) bool {
	switch {
	case e.Mode&borrowed != 0:
		return mode.IsDir()
	case e.Mode.IsRegular():
		return mode == e.Mode && now == e.Copied
	case e.Mode.IsDir():
		return mode.IsDir() && mode.Perm() == e.Mode.Perm()
	default:
		target, err := os.Readlink(filepath.Join(dir, e.Path))
		return err == nil && target == e.Sum
	}
}

func sumOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return string(h.Sum(nil)), err
}
