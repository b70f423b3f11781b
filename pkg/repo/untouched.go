package repo

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

	"golang.org/x/sys/unix"
)

// errTouched says that a tree is not as git has left it.
var errTouched = errors.New("it is not as it was made")

// untouched proves that a tree is what git has made, to the bit and to the
// nanosecond: it holds the files of its index and nothing else, each with the
// inode, size, times, mode and owner that git noted when it had written it, in
// directories of one mode and owner. Whatever is done to a file changes the
// time of its inode, which nobody can set; so what is said here holds for the
// content too, and as a rule no file is opened.
//
// git itself compares these times in seconds, and neither the owner nor most of
// the mode: a tree that it finds clean may not be.
type untouched struct {
	umask   uint32
	dirMode fs.FileMode // of the tree's own directory, when it was made; 0: not known
	written moment      // when git wrote the index
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
func (u *untouched) compare(ctx context.Context, dir, index string, hash int) error {
	defer u.close()
	u.buf = make([]byte, 16<<10)
	var stat unix.Stat_t
	if err := unix.Stat(index, &stat); err != nil {
		return fmt.Errorf("looking at the index: %w", err)
	}
	u.written = momentOf(stat.Mtim)
	if err := u.enterTree(dir); err != nil {
		return err
	}
	err := eachEntry(index, hash, func(e indexEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return u.entry(e)
	})
	if err != nil {
		return err
	}
	return u.leaveAll()
}

func momentOf(t unix.Timespec) moment { return moment{uint32(t.Sec), uint32(t.Nsec)} }

func (u *untouched) here() *openDir { return &u.open[len(u.open)-1] }

// enterTree opens the tree, in which there is its .git file.
func (u *untouched) enterTree(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the tree: %w", err)
	}
	u.open = append(u.open, openDir{fd: fd, children: 1})
	if err := unix.Fstat(fd, &u.top); err != nil {
		return fmt.Errorf("looking at the tree: %w", err)
	}
	if info, err := os.Lstat(dir); err != nil || u.dirMode != 0 && info.Mode() != u.dirMode {
		return fmt.Errorf("%w: mode of the tree's directory", errTouched)
	}
	return nil
}

// entry compares one file.
func (u *untouched) entry(e indexEntry) error {
	if err := u.enterDirOf(e.path); err != nil {
		return err
	}
	here := u.here()
	here.children++
	var stat unix.Stat_t
	name := string(e.path[len(here.path):])
	if err := unix.Fstatat(here.fd, name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return differs(err, e.path)
	}
	if !u.same(e, &stat) || !e.ctime.before(u.written) && !u.sameContent(here.fd, name, e) {
		return fmt.Errorf("%w: %s", errTouched, e.path)
	}
	return nil
}

// maxHashed bounds, in bytes, the files that are read to be sure of them.
const maxHashed = 8 << 20

// sameContent reports whether a file has the content of its object. What was
// written in the moment in which git wrote the index could have been changed in
// that moment, too, and look the same; there are few such files.
func (u *untouched) sameContent(dir int, name string, e indexEntry) bool {
	if u.hashed += int64(e.size); u.hashed > maxHashed {
		return false
	}
	content, err := contentAt(dir, name, e.mode)
	if err != nil {
		return false
	}
	sum := sha1.New()
	if len(e.object) == sha256.Size {
		sum = sha256.New()
	}
	_, _ = fmt.Fprintf(sum, "blob %d\x00", len(content)) // gitformat-loose(5); a hash never fails
	_, _ = sum.Write(content)
	return bytes.Equal(sum.Sum(nil), e.object)
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
func (u *untouched) same(e indexEntry, stat *unix.Stat_t) bool {
	var mode uint32
	switch e.mode {
	case 0o100644:
		mode = unix.S_IFREG | 0o666&^u.umask
	case 0o100755:
		mode = unix.S_IFREG | 0o777&^u.umask
	case linkMode:
		mode = unix.S_IFLNK | 0o777
	default:
		return false
	}
	owned := stat.Uid == u.top.Uid && stat.Gid == u.top.Gid && e.uid == stat.Uid && e.gid == stat.Gid
	timed := e.mtime == momentOf(stat.Mtim) && e.ctime == momentOf(stat.Ctim)
	return e.plain && owned && timed && stat.Mode == mode && e.ino == uint32(stat.Ino) && e.size == uint32(stat.Size)
}

// enterDirOf makes the directory of path the current one. An index is sorted, so
// that nothing more comes of a directory that is left.
func (u *untouched) enterDirOf(path []byte) error {
	dir := path[:bytes.LastIndexByte(path, '/')+1]
	for !bytes.HasPrefix(dir, u.here().path) {
		if err := u.leave(); err != nil {
			return err
		}
	}
	for len(dir) > len(u.here().path) {
		from := len(u.here().path)
		to := from + bytes.IndexByte(dir[from:], '/')
		if err := u.enter(string(dir[from:to]), bytes.Clone(dir[:to+1])); err != nil {
			return err
		}
	}
	return nil
}

// enter opens the directory called name in the current one.
func (u *untouched) enter(name string, path []byte) error {
	u.here().children++
	fd, err := unix.Openat(u.here().fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return differs(err, path)
	}
	u.open = append(u.open, openDir{fd: fd, path: path})
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	if stat.Mode != u.top.Mode || stat.Uid != u.top.Uid || stat.Gid != u.top.Gid {
		return fmt.Errorf("%w: mode or owner of %s", errTouched, path)
	}
	return nil
}

// leave closes the current directory, of which all that the index has was seen.
func (u *untouched) leave() error {
	last := *u.here()
	n, err := u.count(last.fd)
	if err != nil {
		return fmt.Errorf("listing %q: %w", last.path, err)
	}
	if n != last.children {
		return fmt.Errorf("%w: %q holds %d files and directories instead of %d", errTouched, last.path, n, last.children)
	}
	u.open = u.open[:len(u.open)-1]
	_ = unix.Close(last.fd) // it was only read
	return nil
}

func (u *untouched) leaveAll() error {
	for len(u.open) > 0 {
		if err := u.leave(); err != nil {
			return err
		}
	}
	return nil
}

// close gives back what an error has left open.
func (u *untouched) close() {
	for _, d := range u.open {
		_ = unix.Close(d.fd)
	}
	u.open = nil
}

// A linux_dirent64 of getdents(2): inode and offset of 8 bytes each, its own
// length, a type, and the name.
const (
	direntLength = 16
	direntName   = 19
)

// count returns the number of entries of an open directory.
func (u *untouched) count(fd int) (int, error) {
	total := 0
	for {
		n, err := unix.Getdents(fd, u.buf)
		if n == 0 || err != nil {
			return total, err
		}
		for rest := u.buf[:n]; len(rest) > direntName; {
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
