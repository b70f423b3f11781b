// Package disk holds what the parts of pkg/repo do with files: atomic writes,
// what is where in a git directory, and the trash.
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

// TempPrefix begins the name of everything temporary of ours. A name that
// begins so is a leftover when nobody is at work.
const TempPrefix = ".git-sync."

// bootIDFile identifies the running kernel's boot (proc_sys_kernel(5)). A tree
// written during another boot may have lost data that never reached the disk.
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// BootID returns the ID of the running boot; empty where the kernel does not say.
func BootID() string {
	data, err := os.ReadFile(bootIDFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Unique returns a short random name.
func Unique() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// ReadJSON reads a file of JSON into v.
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

// Remove is os.Remove that takes an absent file for success.
func Remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Glob is filepath.Glob below dir, whose own name may hold what a pattern
// means something by.
func Glob(dir, pattern string) ([]string, error) {
	names, err := fs.Glob(os.DirFS(dir), pattern)
	for i, name := range names {
		names[i] = filepath.Join(dir, name)
	}
	return names, err
}

// Exists reports whether name is there, itself not followed. An error other
// than absence counts as there: what cannot be looked at is not free.
func Exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// Exchange swaps two names atomically; errors.ErrUnsupported where the file
// system or kernel cannot.
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

// Flush writes everything of the file system that holds dir to its disk, and
// returns when it is there: syncfs(2).
func Flush(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = unix.Syncfs(int(d.Fd()))
	return errors.Join(err, d.Close())
}
