package recycle

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
	"git-sync/pkg/repo/worktree"

	"golang.org/x/sys/unix"
)

// errTouched says that a tree has changed since git made it.
var errTouched = errors.New("it is not as it was made")

// Pristine returns an error unless the tree of rec, at dir, is proved to be unchanged since git made it: see
// comparison.
func Pristine(ctx context.Context, o *worktree.Options, store disk.GitDir, rec worktree.Record, dir string) error {
	return compare(ctx, o, rec, dir, filepath.Join(store.Admin(rec.ID), worktree.KeptIndex))
}

// Unmodified reports whether a published tree and its index are proved to be unchanged since git made them during this
// boot. That takes a fraction of the time of a git status.
func Unmodified(ctx context.Context, o *worktree.Options, store disk.GitDir, rec worktree.Record) bool {
	if !rec.Plain || rec.Boot != disk.BootID() {
		return false
	}
	now, err := os.Stat(filepath.Join(store.Admin(rec.ID), "index"))
	then, kerr := os.Stat(filepath.Join(store.Admin(rec.ID), worktree.KeptIndex))
	if err != nil || kerr != nil || !os.SameFile(now, then) {
		return false
	}
	return Pristine(ctx, o, store, rec, filepath.Join(o.Root, rec.Place)) == nil
}

// comparison proves that a tree is exactly what git has made: it holds the files of its index and nothing else. Each
// file has the inode, size, times, mode and owner that git recorded when it wrote the file, and all directories have
// the same mode and owner. Every modification of a file changes the ctime of its inode, which no program can set. So
// an unchanged inode proves unchanged content, and few files must be read.
//
// git itself compares these times in seconds, and compares neither the owner nor most of the mode. So a tree that git
// reports as clean may have been modified.
type comparison struct {
	dir      string
	open     *os.File // dir: a path from there costs a fraction of one from the root of the file system
	umask    uint32
	written  index.Time     // when git wrote the index
	top      unix.Stat_t    // the tree's own directory; all others must have the same mode and owner
	children map[string]int // by directory: the number of its files and directories in the index
	hashed   int64          // bytes of files that were read
}

// compare compares the tree of rec at dir with an index. An error says that they differ, or that they could not be
// compared.
func compare(ctx context.Context, o *worktree.Options, rec worktree.Record, dir, file string) error {
	c := comparison{dir: dir, umask: uint32(o.Umask), children: map[string]int{".": 1}} // its .git file
	var stat unix.Stat_t
	if err := unix.Stat(file, &stat); err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	c.written = timeOf(stat.Mtim)
	info, err := os.Lstat(dir)
	if err != nil || unix.Lstat(dir, &c.top) != nil || rec.DirMode != 0 && info.Mode() != rec.DirMode {
		return fmt.Errorf("%w: mode of the tree's directory", errTouched)
	}
	if c.open, err = os.Open(dir); err != nil {
		return err
	}
	defer func() { _ = c.open.Close() }()
	err = index.Each(file, len(rec.Hash)/2, func(e index.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.entry(string(e.Path), e)
	})
	if err != nil {
		return err
	}
	return c.nothingElse()
}

func timeOf(t unix.Timespec) index.Time { return index.Time{Sec: uint32(t.Sec), Nsec: uint32(t.Nsec)} }

// entry compares one file and its parent directories.
func (c *comparison) entry(name string, e index.Entry) error {
	if err := c.enter(path.Dir(name)); err != nil {
		return err
	}
	var stat unix.Stat_t
	if err := c.lstat(name, &stat); err != nil {
		return fmt.Errorf("%w: %s: %w", errTouched, name, err)
	}
	if !c.same(e, &stat) || !e.Ctime.Before(c.written) && !c.sameContent(filepath.Join(c.dir, name), e) {
		return fmt.Errorf("%w: %s", errTouched, name)
	}
	return nil
}

// enter counts an entry of the directory called name, and compares the directory itself when it counts the first one.
func (c *comparison) enter(name string) error {
	if c.children[name]++; c.children[name] > 1 {
		return nil
	}
	var stat unix.Stat_t
	err := c.lstat(name, &stat)
	if err != nil || stat.Mode != c.top.Mode || stat.Uid != c.top.Uid || stat.Gid != c.top.Gid {
		return fmt.Errorf("%w: mode or owner of %s", errTouched, name)
	}
	return c.enter(path.Dir(name))
}

func (c *comparison) lstat(name string, stat *unix.Stat_t) error {
	return unix.Fstatat(int(c.open.Fd()), name, stat, unix.AT_SYMLINK_NOFOLLOW)
}

// nothingElse compares the number of files in each directory with that in the index.
func (c *comparison) nothingElse() error {
	for name, want := range c.children {
		entries, err := os.ReadDir(filepath.Join(c.dir, name))
		if err != nil || len(entries) != want {
			return fmt.Errorf("%w: %q holds %d files and directories instead of %d", errTouched, name, len(entries), want)
		}
	}
	return nil
}

// maxHashed limits the total size, in bytes, of the files that are read.
const maxHashed = 8 << 20

// sameContent reports whether a file has the content of its object. A file that was written in the same moment as the
// index might have been modified in that moment without a visible difference. There are few such files.
func (c *comparison) sameContent(name string, e index.Entry) bool {
	if c.hashed += int64(e.Size); c.hashed > maxHashed {
		return false
	}
	read := os.ReadFile
	if e.Mode == linkMode {
		read = func(name string) ([]byte, error) {
			target, err := os.Readlink(name)
			return []byte(target), err
		}
	}
	content, err := read(name)
	sum := sha1.New()
	if len(e.Object) == sha256.Size {
		sum = sha256.New()
	}
	_, _ = fmt.Fprintf(sum, "blob %d\x00", len(content)) // gitformat-loose(5); a hash never fails
	_, _ = sum.Write(content)
	return err == nil && bytes.Equal(sum.Sum(nil), e.Object)
}

// linkMode is git's mode of symbolic links.
const linkMode = 0o120000

// same reports whether a file has the metadata that git recorded.
func (c *comparison) same(e index.Entry, stat *unix.Stat_t) bool {
	var mode uint32
	switch e.Mode {
	case 0o100644:
		mode = unix.S_IFREG | 0o666&^c.umask
	case 0o100755:
		mode = unix.S_IFREG | 0o777&^c.umask
	case linkMode:
		mode = unix.S_IFLNK | 0o777
	default:
		return false
	}
	owned := stat.Uid == c.top.Uid && stat.Gid == c.top.Gid && e.UID == stat.Uid && e.GID == stat.Gid
	timed := e.Mtime == timeOf(stat.Mtim) && e.Ctime == timeOf(stat.Ctim)
	return e.Plain && owned && timed && stat.Mode == mode && e.Ino == uint32(stat.Ino) && e.Size == uint32(stat.Size)
}
