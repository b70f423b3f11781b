package recycle

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
	"git-sync/pkg/repo/worktree"

	"golang.org/x/sys/unix"
)

// errTouched says that a tree is not as git has left it.
var errTouched = errors.New("it is not as it was made")

// Pristine reports whether the tree of rec, at dir, is proved to be what git made:
// see comparison. A reason why not is an error.
func Pristine(ctx context.Context, o *worktree.Options, store disk.GitDir, rec worktree.Record, dir string) error {
	c := comparison{umask: uint32(o.Umask), dirMode: rec.DirMode}
	return c.compare(ctx, dir, filepath.Join(store.Admin(rec.ID), worktree.KeptIndex), len(rec.Hash)/2)
}

// AsMade reports whether a published tree, with its index, is proved to be as git
// made it during this boot. That takes a fraction of the time of a git status.
func AsMade(ctx context.Context, o *worktree.Options, store disk.GitDir, rec worktree.Record) bool {
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

// comparison proves that a tree is what git has made, to the bit and to the
// nanosecond: it holds the files of its index and nothing else, each with the
// inode, size, times, mode and owner that git noted when it had written it, in
// directories of one mode and owner. Whatever is done to a file changes the
// time of its inode, which nobody can set; so what is said here holds for the
// content too, and as a rule no file is opened.
//
// git itself compares these times in seconds, and neither the owner nor most of
// the mode: a tree that it finds clean may not be.
type comparison struct {
	umask   uint32
	dirMode fs.FileMode // of the tree's own directory, when it was made; 0: not known
	written index.Time  // when git wrote the index
	top     unix.Stat_t // the tree's own directory, which all others are like
	open    []openDir   // from the tree down to the directory of the current entry
	hashed  int64       // bytes of files that were read
	buf     []byte      // for getdents(2)
}

// openDir is a directory that is being compared.
type openDir struct {
	fd       int
	path     []byte // below the tree, with a slash at its end; empty for the tree
	children int    // files and directories that the index has in it
}

// compare compares the tree at dir with its index, in a repository whose object
// names have hash bytes. An error that is errTouched says that they differ, any
// other that they could not be compared; neither proves anything.
func (c *comparison) compare(ctx context.Context, dir, file string, hash int) error {
	defer c.close()
	c.buf = make([]byte, 16<<10)
	var stat unix.Stat_t
	if err := unix.Stat(file, &stat); err != nil {
		return fmt.Errorf("looking at the index: %w", err)
	}
	c.written = timeOf(stat.Mtim)
	if err := c.enterTree(dir); err != nil {
		return err
	}
	err := index.Each(file, hash, func(e index.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.entry(e)
	})
	if err != nil {
		return err
	}
	return c.leaveAll()
}

func timeOf(t unix.Timespec) index.Time { return index.Time{Sec: uint32(t.Sec), Nsec: uint32(t.Nsec)} }

func (c *comparison) here() *openDir { return &c.open[len(c.open)-1] }

// enterTree opens the tree, in which there is its .git file.
func (c *comparison) enterTree(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the tree: %w", err)
	}
	c.open = append(c.open, openDir{fd: fd, children: 1})
	if err := unix.Fstat(fd, &c.top); err != nil {
		return fmt.Errorf("looking at the tree: %w", err)
	}
	if info, err := os.Lstat(dir); err != nil || c.dirMode != 0 && info.Mode() != c.dirMode {
		return fmt.Errorf("%w: mode of the tree's directory", errTouched)
	}
	return nil
}

// entry compares one file.
func (c *comparison) entry(e index.Entry) error {
	if err := c.enterDirOf(e.Path); err != nil {
		return err
	}
	here := c.here()
	here.children++
	var stat unix.Stat_t
	name := string(e.Path[len(here.path):])
	if err := unix.Fstatat(here.fd, name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return differs(err, e.Path)
	}
	if !c.same(e, &stat) || !e.Ctime.Before(c.written) && !c.sameContent(here.fd, name, e) {
		return fmt.Errorf("%w: %s", errTouched, e.Path)
	}
	return nil
}

// maxHashed bounds, in bytes, the files that are read to be sure of them.
const maxHashed = 8 << 20

// sameContent reports whether a file has the content of its object. What was
// written in the index.Time in which git wrote the index could have been changed in
// that index.Time, too, and look the same; there are few such files.
func (c *comparison) sameContent(dir int, name string, e index.Entry) bool {
	if c.hashed += int64(e.Size); c.hashed > maxHashed {
		return false
	}
	content, err := contentAt(dir, name, e.Mode)
	if err != nil {
		return false
	}
	sum := sha1.New()
	if len(e.Object) == sha256.Size {
		sum = sha256.New()
	}
	_, _ = fmt.Fprintf(sum, "blob %d\x00", len(content)) // gitformat-loose(5); a hash never fails
	_, _ = sum.Write(content)
	return bytes.Equal(sum.Sum(nil), e.Object)
}

// contentAt returns what a file in an open directory holds; of a symbolic link,
// where it leads.
func contentAt(dir int, name string, mode uint32) ([]byte, error) {
	if mode == linkMode {
		target := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(dir, name, target)
		return target[:max(n, 0)], err
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxHashed))
}

// linkMode is git's mode of symbolic links.
const linkMode = 0o120000

// same reports whether a file looks as git has noted.
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

// enterDirOf makes the directory of path the current one. An index is sorted, so
// that nothing more comes of a directory that is left.
func (c *comparison) enterDirOf(path []byte) error {
	dir := path[:bytes.LastIndexByte(path, '/')+1]
	for !bytes.HasPrefix(dir, c.here().path) {
		if err := c.leave(); err != nil {
			return err
		}
	}
	for len(dir) > len(c.here().path) {
		from := len(c.here().path)
		to := from + bytes.IndexByte(dir[from:], '/')
		if err := c.enter(string(dir[from:to]), bytes.Clone(dir[:to+1])); err != nil {
			return err
		}
	}
	return nil
}

// enter opens the directory called name in the current one.
func (c *comparison) enter(name string, path []byte) error {
	c.here().children++
	fd, err := unix.Openat(c.here().fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return differs(err, path)
	}
	c.open = append(c.open, openDir{fd: fd, path: path})
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	if stat.Mode != c.top.Mode || stat.Uid != c.top.Uid || stat.Gid != c.top.Gid {
		return fmt.Errorf("%w: mode or owner of %s", errTouched, path)
	}
	return nil
}

// leave closes the current directory, of which all that the index has was seen.
func (c *comparison) leave() error {
	last := *c.here()
	n, err := c.count(last.fd)
	if err != nil {
		return fmt.Errorf("listing %q: %w", last.path, err)
	}
	if n != last.children {
		return fmt.Errorf("%w: %q holds %d files and directories instead of %d", errTouched, last.path, n, last.children)
	}
	c.open = c.open[:len(c.open)-1]
	_ = unix.Close(last.fd) // it was only read
	return nil
}

func (c *comparison) leaveAll() error {
	for len(c.open) > 0 {
		if err := c.leave(); err != nil {
			return err
		}
	}
	return nil
}

// close gives back what an error has left open.
func (c *comparison) close() {
	for _, d := range c.open {
		_ = unix.Close(d.fd)
	}
	c.open = nil
}

// A linux_dirent64 of getdents(2): inode and offset of 8 bytes each, its own
// length, a type, and the name.
const (
	direntLength = 16
	direntName   = 19
)

// count returns the number of entries of an open directory.
func (c *comparison) count(fd int) (int, error) {
	total := 0
	for {
		n, err := unix.Getdents(fd, c.buf)
		if n == 0 || err != nil {
			return total, err
		}
		for rest := c.buf[:n]; len(rest) > direntName; {
			length := int(binary.NativeEndian.Uint16(rest[direntLength:]))
			name := rest[direntName:]
			if !bytes.HasPrefix(name, []byte(".\x00")) && !bytes.HasPrefix(name, []byte("..\x00")) {
				total++
			}
			rest = rest[length:]
		}
	}
}

// differs tells what is missing, or not of its kind, from what cannot be seen.
func differs(err error, path []byte) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("%w: %s", errTouched, path)
	}
	return fmt.Errorf("looking at %s: %w", path, err)
}
