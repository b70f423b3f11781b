// Package disk has the file operations that the parts of pkg/repo share: atomic writes, the layout of a git
// directory, and the trash.
package disk

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// TempPrefix is the prefix of all temporary names of git-sync. While no git-sync is working, a file with such a name
// is a leftover.
const TempPrefix = ".git-sync."

// bootIDFile has the ID of the running kernel's boot (proc_sys_kernel(5)). A tree that was written during another
// boot may have lost data that never reached the disk.
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// BootID returns the ID of the running boot; empty if the kernel does not provide one.
func BootID() string {
	data, _ := os.ReadFile(bootIDFile) // on error, it is empty
	return strings.TrimSpace(string(data))
}

// Unique returns a short random name.
func Unique() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return hex.EncodeToString(b[:])
}

// ReadJSON reads a JSON file into v.
func ReadJSON(name string, v any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Remove is os.Remove, but succeeds if the file does not exist.
func Remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Glob is filepath.Glob relative to dir: it ignores directories that cannot be read. Special characters in dir itself
// have no meaning.
func Glob(dir, pattern string) ([]string, error) {
	names, err := fs.Glob(os.DirFS(dir), pattern)
	for i, name := range names {
		names[i] = filepath.Join(dir, name)
	}
	return names, err
}

// Exists reports whether name exists. It does not follow a symlink. It also returns true if that cannot be checked:
// such a name is not free.
func Exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// Exchange swaps two names atomically. It returns errors.ErrUnsupported if the file system or the kernel cannot do
// that.
func Exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EXDEV) {
		return fmt.Errorf("exchanging %s and %s: %w", a, b, errors.ErrUnsupported)
	}
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	}
	return nil
}

// Flush writes the file system that contains dir to its disk with syncfs(2). It blocks until that is done.
func Flush(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = unix.Syncfs(int(d.Fd()))
	return errors.Join(err, d.Close())
}
