package store

import (
	"errors"
	"io/fs"
	"os"

	"git-sync/pkg/repo/internal/disk"
)

// state is what a fetch may be rolled back to.
type state struct {
	refs  map[string][]byte // what a fetch writes beside objects, by name; nil: absent
	files map[string]bool   // packs and loose objects
	err   error             // not all of it could be seen: nothing may be rolled back
}

func (st *Store) state() state {
	s := state{refs: map[string][]byte{}, files: map[string]bool{}}
	err := st.eachObject(func(name string, _ fs.FileInfo) error {
		s.files[name] = true
		return nil
	})
	errs := []error{err}
	for _, name := range []string{headRef, "shallow"} {
		s.refs[name], err = os.ReadFile(st.Path(name))
		errs = append(errs, err)
	}
	for _, err := range errs {
		if !errors.Is(err, fs.ErrNotExist) {
			s.err = errors.Join(s.err, err)
		}
	}
	return s
}

// restore takes out of a store what was fetched since the state was noted, so that a
// push that did not fit leaves room for one that does.
func (st *Store) restore(s state) error {
	err := st.healObjects()
	if s.err != nil {
		return err
	}
	for name, content := range s.refs {
		if content == nil {
			err = errors.Join(err, disk.Remove(st.Path(name)))
		} else {
			err = errors.Join(err, st.Replace(st.Path(name), content))
		}
	}
	return errors.Join(err, st.eachObject(func(name string, _ fs.FileInfo) error {
		if s.files[name] {
			return nil
		}
		return disk.Remove(name)
	}))
}

// Snapshot is what a store and those of its submodules held, by directory.
type Snapshot map[string]state

// Snapshot notes what is there before a fetch.
func (st *Store) Snapshot() Snapshot {
	all := Snapshot{st.Dir(): st.state()}
	modules, _ := st.Modules() // unreadable: not rolled back
	for _, m := range modules {
		all[m.Dir()] = m.state()
	}
	return all
}

// Rollback takes the store and those of its submodules back to where they were
// before; a store that was not there goes.
func (st *Store) Rollback(before Snapshot) error {
	own, ok := before[st.Dir()]
	if !ok {
		return nil // it was adopted meanwhile
	}
	errs := []error{st.restore(own)}
	modules, err := st.Modules()
	errs = append(errs, err)
	for _, m := range modules {
		if s, ok := before[m.Dir()]; ok {
			errs = append(errs, m.DropUnusedCommits(), m.restore(s))
		} else {
			errs = append(errs, st.trash().Discard(m.Dir()))
		}
	}
	return errors.Join(errs...)
}
