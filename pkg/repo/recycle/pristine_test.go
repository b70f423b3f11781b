package recycle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/repo/worktree"
	"git-sync/test/gitserver"
)

// checkedOut is a tree that git has just made, with its index.
type checkedOut struct {
	dir, index string
	hashLen    int
}

func checkOut(t *testing.T, sha256 bool) checkedOut {
	t.Helper()
	up := gitserver.NewRepoWith(t, gitserver.RepoOptions{SHA256: sha256})
	files := map[string]string{"a": "1", "a.b": "2", "a0": "3", "dir/x": "4", "dir/deep/er/y": "5", "dir.d/z": "6", "dir-/z": "7"}
	for i := range 300 {
		files[fmt.Sprintf("many/%03d", i)] = "8"
	}
	up.Apply(gitserver.Change{Files: files, Execs: map[string]string{"run": "#!"}, Symlinks: map[string]string{"link": "dir"}})
	dir, git := filepath.Join(t.TempDir(), "tree"), filepath.Join(t.TempDir(), "git")
	if _, err := gitserver.Run(".", gitserver.Env(), "clone", "-q", "--branch=main", "--separate-git-dir="+git, up.FileURL(), dir); err != nil {
		t.Fatal(err)
	}
	c := checkedOut{dir: dir, index: filepath.Join(git, "index"), hashLen: 20}
	if sha256 {
		c.hashLen = 32
	}
	c.date(t, time.Now().Add(time.Second)) // nothing was written in the same moment
	return c
}

// date says when git wrote the index.
func (c checkedOut) date(t *testing.T, at time.Time) {
	t.Helper()
	if err := os.Chtimes(c.index, at, at); err != nil {
		t.Fatal(err)
	}
}

func (c checkedOut) compare(t *testing.T) error {
	t.Helper()
	o := &worktree.Options{Content: worktree.Content{Umask: umask()}}
	return compare(t.Context(), o, worktree.Record{Hash: strings.Repeat("0", 2*c.hashLen)}, c.dir, c.index)
}

func TestUntouched(t *testing.T) {
	for _, sha256 := range []bool{false, true} {
		c := checkOut(t, sha256)
		if err := c.compare(t); err != nil {
			t.Errorf("as git made it: %v", err)
		}
		moved := c.dir + ".moved"
		if err := os.Rename(c.dir, moved); err != nil {
			t.Fatal(err)
		}
		c.dir = moved
		if err := c.compare(t); err != nil {
			t.Errorf("moved: %v", err)
		}
		c.date(t, time.Now().Add(-time.Hour)) // no file is older than the index: each is read
		if err := c.compare(t); err != nil {
			t.Errorf("read: %v", err)
		}
		in, err := os.Stat(filepath.Join(c.dir, "many/007"))
		if err != nil {
			t.Fatal(err)
		}
		c.forge(t, "many/007", in)
		if err := c.compare(t); !errors.Is(err, errTouched) {
			t.Errorf("a file edited in the moment in which the index was written: %v", err)
		}
		c.date(t, time.Now().Add(time.Hour))
		if err := c.compare(t); err != nil {
			t.Errorf("the forgery does not look as it should: %v", err)
		}
	}
}

// forge edits a file and makes the index say that it looks so: as if both had happened in one moment.
func (c checkedOut) forge(t *testing.T, name string, was os.FileInfo) {
	t.Helper()
	if err := replace(filepath.Join(c.dir, name)); err != nil {
		t.Fatal(err)
	}
	now, err := os.Stat(filepath.Join(c.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(c.index)
	if err != nil {
		t.Fatal(err)
	}
	ctime := func(info os.FileInfo) []byte {
		at := info.Sys().(*syscall.Stat_t).Ctim
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(at.Sec)), uint32(at.Nsec))
	}
	end := bytes.Index(index, []byte(name+"\x00"))
	entry := index[end-2-c.hashLen-40:]
	if !bytes.HasPrefix(entry, ctime(was)) {
		t.Fatal("the entry is not where it should be")
	}
	copy(entry, ctime(now))
	if err := os.WriteFile(c.index, index, 0o666); err != nil {
		t.Fatal(err)
	}
	c.date(t, time.Now().Add(-time.Hour))
}

// replace writes a file anew with content of the same size and the times it had.
func replace(name string) error {
	info, err := os.Lstat(name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, bytes.Repeat([]byte("z"), int(info.Size())), 0o666); err != nil {
		return err
	}
	return os.Chtimes(name, info.ModTime(), info.ModTime())
}

// Each way of touching a tree is found.
func TestTouched(t *testing.T) {
	for name, touch := range map[string]func(dir string) error{
		"a file edited, times restored": func(dir string) error { return replace(filepath.Join(dir, "many/007")) },
		"a file removed":                func(dir string) error { return os.Remove(filepath.Join(dir, "a")) },
		"a file added":                  func(dir string) error { return os.WriteFile(filepath.Join(dir, "dir/deep/new"), nil, 0o666) },
		"a file added at the top":       func(dir string) error { return os.WriteFile(filepath.Join(dir, "zz"), nil, 0o666) },
		"one added, one removed": func(dir string) error {
			return os.Rename(filepath.Join(dir, "many/001"), filepath.Join(dir, "many/xyz"))
		},
		"two exchanged": func(dir string) error {
			return unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, "many/001"), unix.AT_FDCWD, filepath.Join(dir, "many/002"), unix.RENAME_EXCHANGE)
		},
		"an empty directory": func(dir string) error { return os.Mkdir(filepath.Join(dir, "dir/empty"), 0o777) },
		"a mode":             func(dir string) error { return os.Chmod(filepath.Join(dir, "many/100"), 0o600) },
		"a mode, and back": func(dir string) error {
			return errors.Join(os.Chmod(filepath.Join(dir, "a"), 0o600), os.Chmod(filepath.Join(dir, "a"), 0o666&^umask()))
		},
		"a directory's mode":      func(dir string) error { return os.Chmod(filepath.Join(dir, "dir/deep"), 0o700) },
		"a second name of a file": func(dir string) error { return os.Link(filepath.Join(dir, "a"), dir+".other") },
		"a link retargeted": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "link")), os.Symlink("a.b", filepath.Join(dir, "link")))
		},
		"a directory that became a link": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "dir"), dir+".other"), os.Symlink(dir+".other", filepath.Join(dir, "dir")))
		},
		"a file that became a directory": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "a")), os.Mkdir(filepath.Join(dir, "a"), 0o777))
		},
		"everything removed": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o777)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := checkOut(t, false)
			if err := touch(c.dir); err != nil {
				t.Fatal(err)
			}
			if err := c.compare(t); !errors.Is(err, errTouched) {
				t.Errorf("not found: %v", err)
			}
		})
	}
}

// umask returns this process's umask, which umask(2) tells only by changing it.
func umask() fs.FileMode {
	mask := unix.Umask(0o022)
	unix.Umask(mask)
	return fs.FileMode(mask)
}
