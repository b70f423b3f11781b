package store

import "errors"

// GC says when unreachable objects are dropped from the store.
type GC string

// The values of GC.
const (
	GCAuto       GC = "auto"       // when there may be enough garbage to matter
	GCAlways     GC = "always"     // after every update
	GCAggressive GC = "aggressive" // after every update, with the best compression of git
	GCOff        GC = "off"
)

// Garbage is worth collecting if the store has grown by more than a quarter of what was kept last time, and by more
// than a fixed minimum. This limits the disk usage. It is also worth collecting if there are so many packs or loose
// objects that git becomes slow. git's own gc.auto allows 50 packs and 6,700 loose objects.
const (
	minGarbage = 128 << 10
	maxGarbage = 4 // garbage may be one fourth of what is kept
	maxPacks   = 20
	maxLoose   = 2000
)

// WorthCollecting returns the stores, those of submodules included, in which garbage is worth collecting after a
// fetch. They are copies, which may be used while syncs go on.
func (st *Store) WorthCollecting() ([]*Store, error) {
	all, err := st.All()
	if err != nil || st.opts.GC == GCOff {
		return nil, err
	}
	var worth []*Store
	for _, each := range all {
		if st.opts.GC == GCAuto && !each.needsCollection() {
			continue
		}
		copied := *each
		worth = append(worth, &copied)
	}
	return worth, nil
}

// needsCollection reports whether there may be so much garbage that it is worth collecting.
func (st *Store) needsCollection() bool {
	inv, err := st.inventory()
	if err != nil {
		return false // unreadable, or just being created: skip it this time
	}
	garbage := inv.bytes - st.Meta.Kept
	if st.Meta.Kept == 0 {
		garbage = 0 // a new store: see NoteNew
	}
	return garbage > minGarbage && garbage > st.Meta.Kept/maxGarbage || inv.packs > maxPacks || inv.loose > maxLoose
}

// NoteNew records the size of new stores: their objects were fetched for one tree and are not garbage.
func (st *Store) NoteNew() error {
	all, err := st.All()
	if err != nil {
		return err
	}
	for _, each := range all {
		inv, ierr := each.inventory()
		if each.Usable() && each.Meta.Kept == 0 && ierr == nil {
			err = errors.Join(err, each.keeps(inv))
		}
	}
	return err
}

// keeps records the size of a store after a collection. Two revisions need more than one, and the difference is
// garbage after the next update. So only half of a growth is recorded, and the store is measured again after the next
// fetch.
func (st *Store) keeps(inv inventory) error {
	meta := st.Meta
	if growth := inv.bytes - meta.Kept; meta.Kept > 0 && growth > 0 {
		meta.Kept += min(growth, max(growth/2, meta.Kept/maxGarbage))
	} else {
		meta.Kept = inv.bytes
	}
	return st.Save(meta)
}
