package store

import (
	"errors"
	"io/fs"
	"os"

	"git-sync/pkg/repo/internal/disk"
)

// Snapshot lists the files of a store and its submodules' stores before a fetch.
type Snapshot struct {
	dir string // of the store
	// files are the files that a fetch may add or change, by path, with the content of those that it may change. If
	// nil, some could not be read, and nothing may be rolled back.
	files map[string][]byte
}

// changed returns the files that a fetch changes.
func (st *Store) changed() []string { return []string{st.Path(headRef), st.Path("shallow")} }

// Snapshot records the files before a fetch.
func (st *Store) Snapshot() Snapshot {
	s := Snapshot{dir: st.Dir(), files: map[string][]byte{}}
	stores, err := st.All()
	errs := []error{err}
	for _, each := range stores {
		errs = append(errs, each.eachObject(func(name string, _ fs.FileInfo) error {
			s.files[name] = nil
			return nil
		}))
		for _, name := range each.changed() {
			s.files[name], err = os.ReadFile(name)
			errs = append(errs, err)
		}
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.files = nil
		}
	}
	return s
}

// Rollback removes what was fetched since the snapshot, submodules included, so that a push that did not fit leaves
// room for one that fits.
func (st *Store) Rollback(before Snapshot) error {
	if before.dir != st.Dir() {
		return nil // the store was adopted meanwhile
	}
	stores, err := st.All()
	for _, each := range stores {
		err = errors.Join(err, each.healObjects())
		if before.files != nil {
			err = errors.Join(err, each.rollback(before.files))
		}
	}
	return err
}

func (st *Store) rollback(before map[string][]byte) error {
	err := st.DropUnusedCommits()
	for _, name := range st.changed() {
		if content := before[name]; content != nil {
			err = errors.Join(err, st.Replace(name, content))
		} else {
			err = errors.Join(err, disk.Remove(name))
		}
	}
	walk := st.eachObject(func(name string, _ fs.FileInfo) error {
		if _, ok := before[name]; ok {
			return nil
		}
		return disk.Remove(name)
	})
	if errors.Is(walk, fs.ErrNotExist) {
		walk = nil
	}
	return errors.Join(err, walk)
}
