package store

import (
	"errors"
	"io/fs"
	"os"

	"git-sync/pkg/repo/internal/disk"
)

// state is what a fetch may be rolled back to.
type state struct {
	head    string
	shallow []byte
	files   map[string]bool // packs and loose objects
	err     error           // not all of it could be seen: nothing may be rolled back
}

func (st *Store) state() state {
	s := state{files: map[string]bool{}}
	var errs [3]error
	s.head, errs[0] = st.Ref(headRef)
	s.shallow, errs[1] = os.ReadFile(st.Path("shallow"))
	errs[2] = st.eachObject(func(name string, _ fs.FileInfo) error {
		s.files[name] = true
		return nil
	})
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
	errs := []error{st.healObjects()}
	if s.err != nil {
		return errors.Join(errs...)
	}
	if s.head == "" {
		errs = append(errs, disk.Remove(st.Path(headRef)))
	} else {
		errs = append(errs, st.Replace(st.Path(headRef), []byte(s.head+"\n")))
	}
	if s.shallow == nil {
		errs = append(errs, disk.Remove(st.Path("shallow")))
	} else {
		errs = append(errs, st.Replace(st.Path("shallow"), s.shallow))
	}
	errs = append(errs, st.eachObject(func(name string, _ fs.FileInfo) error {
		if s.files[name] {
			return nil
		}
		return disk.Remove(name)
	}))
	return errors.Join(errs...)
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
