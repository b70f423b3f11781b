package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Trash is the directory for replaced files until they are removed: a rename is fast for a tree of every size. It may
// be used without a lock.
type Trash struct {
	Root   string
	Shared bool // see GitDir
}

// Marker is the file, in our own directory of a store, that says that git-sync made the store.
const Marker = "store.json"

// Dir returns the directory of the trash. It exists only while the trash is not empty.
func (t Trash) Dir() string { return filepath.Join(t.Root, TempPrefix+"trash") }

// Discard moves name, which need not exist, into the trash. If it cannot be renamed, for example in an image layer of
// an overlay file system, it is removed in place.
func (t Trash) Discard(name string) error {
	err := t.Move(name)
	if errors.Is(err, unix.EXDEV) {
		return RemoveTree(name)
	}
	return err
}

// Move renames name, which need not exist, into the trash.
func (t Trash) Move(name string) error {
	for Exists(name) {
		if err := (GitDir{Name: t.Root, Shared: t.Shared}).MkdirAll(t.Dir()); err != nil {
			return err
		}
		if err := os.Rename(name, filepath.Join(t.Dir(), Unique())); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// Empty has just removed the trash.
	}
	return nil
}

// List returns the paths of the entries of the trash.
func (t Trash) List() []string {
	entries, _ := os.ReadDir(t.Dir()) // on error, the trash is empty
	var names []string
	for _, e := range entries {
		names = append(names, filepath.Join(t.Dir(), e.Name()))
	}
	return names
}

// Empty removes the content of the trash, until ctx ends. It calls failed for each entry that cannot be removed.
func (t Trash) Empty(ctx context.Context, failed func(name string, err error)) {
	for _, name := range t.List() {
		if ctx.Err() != nil {
			return
		}
		if err := RemoveTree(name); err != nil {
			failed(name, err)
		}
	}
	_ = os.Remove(t.Dir()) // fails unless it is empty
}

// Remove removes the trash and its content.
func (t Trash) Remove() error {
	if !Exists(t.Dir()) {
		return nil // on a read-only file system, even removing nothing fails
	}
	return os.RemoveAll(t.Dir())
}

// RemoveTree is os.RemoveAll that also removes directories that were made read-only.
func RemoveTree(name string) error {
	err := os.RemoveAll(name)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	walk := filepath.WalkDir(name, func(at string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			return os.Chmod(at, 0o700)
		}
		return err
	})
	return errors.Join(walk, os.RemoveAll(name))
}
