package repo

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// names are the paths of an index, by their hashes: those of a big tree take a
// megabyte. The hashes are seeded at random, so that nobody can make a name
// that passes for another.
type names struct {
	seed  maphash.Seed
	files []uint64 // sorted
	dirs  []uint64 // sorted; those that lead to the files
	// attributes are the attributes files among them.
	attributes []string
	whole      bool // the index could be read: nothing is missing here
}

// list reads the names in w's index.
func (w worktree) list() names {
	n := names{seed: maphash.MakeSeed()}
	var last []byte
	err := eachEntry(filepath.Join(w.st.admin(w.id), "index"), w.st.hashLength(), func(e indexEntry) error {
		name := e.path
		n.files = append(n.files, maphash.Bytes(n.seed, name))
		shared := true // with the path before: the directories there are known
		for i, c := range name {
			shared = shared && i < len(last) && last[i] == c
			if c == '/' && !shared {
				n.dirs = append(n.dirs, maphash.Bytes(n.seed, name[:i]))
			}
		}
		last = append(last[:0], name...)
		if bytes.HasSuffix(name, []byte(attributesFile)) { // one more that only ends so does no harm
			n.attributes = append(n.attributes, string(name))
		}
		return nil
	})
	slices.Sort(n.files)
	slices.Sort(n.dirs)
	n.whole = err == nil
	return n
}

func (n names) file(name string) bool { return n.in(n.files, name) }
func (n names) dir(name string) bool  { return n.in(n.dirs, name) }

func (n names) in(hashes []uint64, name string) bool {
	_, found := slices.BinarySearch(hashes, maphash.String(n.seed, name))
	return found
}

// prune takes out of the directory at, called name within the tree, what is not
// of n, and directories that are empty then; empty says that it is one itself.
// It is done before git writes: of what does not belong there, an attributes
// file would decide how git writes the files beside it, and a link in place of
// a directory what it takes for that directory's files.
func (r *Repo) prune(n names, at, name string) (empty bool, err error) {
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
		case e.IsDir() && n.dir(within):
			if gone, err = r.prune(n, child, within); gone {
				err = os.Remove(child)
			}
		case e.IsDir():
			gone, err = true, r.discard(child) // it may be big
		case !n.file(within):
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

// plain checks that w's directory holds exactly the files of its index, all of
// which git has just seen to be there; no empty directory; and that all
// directories are of one owner and of that mode.
func (w worktree) plain(n names, mode fs.FileMode) error {
	if !n.whole {
		return errIndex
	}
	c := census{names: n, mode: mode, umask: umask()}
	if err := c.count(w.dir, ""); err != nil {
		return err
	}
	if files := c.files - 1; files != len(n.files) { // without .git
		return fmt.Errorf("%w: %d files instead of %d", errNotPlain, files, len(n.files))
	}
	return nil
}

// census counts what is in a tree.
type census struct {
	names    names
	files    int
	mode     fs.FileMode // of every directory
	uid, gid uint32
	started  bool
	umask    uint32
}

// count counts what is in the directory at, called name within the tree.
func (c *census) count(at, name string) error {
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

func (c *census) add(d *os.File, name string, entries []fs.DirEntry) error {
	for _, e := range entries {
		within := path.Join(name, e.Name())
		if e.IsDir() {
			if err := c.count(filepath.Join(d.Name(), e.Name()), within); err != nil {
				return err
			}
			continue
		}
		c.files++
		if within != gitDirName && !c.names.file(within) {
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
