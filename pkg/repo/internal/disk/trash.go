package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Trash is where what is replaced goes before it is removed: a rename takes no
// longer for a big tree than for a small one. It may be used without a lock.
type Trash struct {
	Root   string
	Shared bool // see GitDir
}

const (
	trashName = "trash"
	// rootTrash is the trash of a root without a store of ours.
	rootTrash = TempPrefix + "trash"
	// Marker is the file, in our directory of a store, that says that git-sync
	// made the store.
	Marker = "store.json"
)

func (t Trash) store() GitDir { return GitDir{Name: filepath.Join(t.Root, GitName), Shared: t.Shared} }

// Dir is the trash of a root with a store.
func (t Trash) Dir() string { return t.store().Own(trashName) }

// Discard renames name, which need not be there, into the trash. What cannot be renamed, as a
// directory of an image layer on an overlay file system, is removed where it is.
func (t Trash) Discard(name string) error {
	if !Exists(name) {
		return nil
	}
	dir := t.Dir()
	if !Exists(t.store().Own(Marker)) {
		dir = filepath.Join(t.Root, rootTrash)
	}
	if err := t.store().MkdirAll(dir); err != nil {
		return err
	}
	err := os.Rename(name, filepath.Join(dir, Unique()))
	if errors.Is(err, unix.EXDEV) {
		return RemoveTree(name)
	}
	return err
}

// List returns the paths of what is in the trash.
func (t Trash) List() []string {
	var names []string
	for _, dir := range []string{t.Dir(), filepath.Join(t.Root, rootTrash)} {
		entries, _ := os.ReadDir(dir) // absent: no trash
		for _, e := range entries {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}

// Empty removes what is in the trash, until ctx ends. It calls failed for what
// cannot be removed.
func (t Trash) Empty(ctx context.Context, failed func(name string, err error)) {
	for _, name := range t.List() {
		if ctx.Err() != nil {
			return
		}
		if err := RemoveTree(name); err != nil {
			failed(name, err)
		}
	}
	_ = os.Remove(filepath.Join(t.Root, rootTrash)) // goes when it is empty
}

// RemoveWithoutStore removes the trash of a root that has no store.
func (t Trash) RemoveWithoutStore() error {
	dir := filepath.Join(t.Root, rootTrash)
	if !Exists(dir) {
		return nil // removing nothing fails too where the file system is read-only
	}
	return os.RemoveAll(dir)
}

// RemoveTree is os.RemoveAll that also removes directories of ours which
// somebody has made read-only.
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
