package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
)

// prove makes sure that a recycled tree holds nothing but the files of its
// index, in directories as they are made, and says so by an error if not.
func (b builder) prove(ctx context.Context, w worktree) error {
	mode := b.from.rec.DirMode
	if err := b.plain(w, &mode); err == nil {
		return nil
	}
	if _, err := b.git.Run(ctx, w.in(git.Cmd("clean", "-d", "-f", "-f", "-x", "-q"))); err != nil {
		return fmt.Errorf("removing what is not of the commit: %w", err)
	}
	return b.plain(w, &mode)
}

var errNotPlain = errors.New("the tree differs from a fresh checkout")

// plain checks that w's directory holds exactly as many files as its index
// has entries, all of which git has just seen to be there; no empty directory;
// and that all directories are of one owner and mode, which is put where mode
// points, or must be what is there.
func (b builder) plain(w worktree, mode *fs.FileMode) error {
	entries := entryCount(filepath.Join(b.st.admin(w.id), "index"))
	c := census{mode: *mode, umask: umask()}
	if err := c.count(w.dir); err != nil {
		return err
	}
	if files := c.files - 1; files != entries { // without .git
		return fmt.Errorf("%w: %d files instead of %d", errNotPlain, files, entries)
	}
	*mode = c.mode
	return nil
}

// census counts what is in a tree.
type census struct {
	files    int
	mode     fs.FileMode // 0: that of the first directory
	uid, gid uint32
	started  bool
	umask    uint32
}

func (c *census) count(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.ErrUnsupported
	}
	if c.mode == 0 {
		c.mode = info.Mode()
	}
	if !c.started {
		c.uid, c.gid, c.started = stat.Uid, stat.Gid, true
	}
	if info.Mode() != c.mode || stat.Uid != c.uid || stat.Gid != c.gid {
		return fmt.Errorf("%w: mode or owner of %s", errNotPlain, dir)
	}
	d, err := os.Open(dir)
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
		if err := c.add(d, entries); err != nil {
			return err
		}
	}
	if c.files == before {
		return fmt.Errorf("%w: %s is empty", errNotPlain, dir)
	}
	return nil
}

func (c *census) add(d *os.File, entries []fs.DirEntry) error {
	for _, e := range entries {
		if e.IsDir() {
			if err := c.count(filepath.Join(d.Name(), e.Name())); err != nil {
				return err
			}
			continue
		}
		c.files++
		var stat unix.Stat_t
		if err := unix.Fstatat(int(d.Fd()), e.Name(), &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		if !c.made(&stat) {
			return fmt.Errorf("%w: mode or owner of %s", errNotPlain, filepath.Join(d.Name(), e.Name()))
		}
	}
	return nil
}

// made reports whether a file has the mode and owner with which git makes
// files. Whether it is executable git itself has compared; it does not look
// at the other bits.
func (c *census) made(stat *unix.Stat_t) bool {
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

// maker identifies what besides git decides modes and owners of new files.
func maker() string {
	return fmt.Sprintf("%d:%d:%o", os.Getuid(), os.Getgid(), umask())
}

// umask returns this process's umask, which umask(2) can only tell by changing
// it; 0 when /proc does not say, with which no tree passes for plain.
func umask() uint32 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "Umask:"); ok {
			mask, err := strconv.ParseUint(strings.TrimSpace(value), 8, 32)
			if err == nil {
				return uint32(mask)
			}
		}
	}
	return 0
}
