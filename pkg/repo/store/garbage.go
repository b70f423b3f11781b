package store

import "errors"

// GC says when unreachable objects are dropped from the store.
type GC string

// The values of GC.
const (
	GCAuto       GC = "auto"       // when what is unreachable may outweigh what is kept
	GCAlways     GC = "always"     // after every update
	GCAggressive GC = "aggressive" // after every update, repacked as tightly as git can
	GCOff        GC = "off"
)

// Garbage is worth collecting when what was added since the last time is more
// than a quarter of what was kept then, which bounds the disk, and than the
// fixed cost; or when there are so many packs or loose objects that git becomes
// slow (git's own gc.auto counts 50 packs and 6,700 loose objects).
const (
	minGarbage = 128 << 10
	maxGarbage = 4 // one part in so many of what is kept
	maxPacks   = 20
	maxLoose   = 2000
)

// WorthCollecting returns the stores, submodules' included, in which garbage is
// worth collecting after a fetch. They are copies, which may be used beside syncs.
func (st *Store) WorthCollecting() ([]*Store, error) {
	all, err := st.All()
	if err != nil || st.opts.GC == GCOff {
		return nil, err
	}
	var worth []*Store
	for _, each := range all {
		if st.opts.GC == GCAuto && !each.outweighed() {
			continue
		}
		copied := *each
		worth = append(worth, &copied)
	}
	return worth, nil
}

// outweighed reports whether there may be so much garbage that it is worth collecting.
func (st *Store) outweighed() bool {
	inv, err := st.inventory()
	if err != nil {
		return false // unreadable, or only begun: not today
	}
	garbage := inv.Bytes - st.Meta.Kept
	if st.Meta.Kept == 0 {
		garbage = 0 // made not long ago: see NoteNew
	}
	return garbage > minGarbage && garbage > st.Meta.Kept/maxGarbage || inv.packs > maxPacks || inv.loose > maxLoose
}

// NoteNew notes the size of stores that were made not long ago: what is in
// them was fetched for one tree, and is not garbage.
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

// keeps notes that a store holds nothing but what is needed. What two revisions
// need is more than what one needs, and garbage as soon as the next one comes: so
// growth is believed by halves, and looked at again with the next fetch.
func (st *Store) keeps(inv Inventory) error {
	meta := st.Meta
	if growth := inv.Bytes - meta.Kept; meta.Kept > 0 && growth > 0 {
		meta.Kept += min(growth, max(growth/2, meta.Kept/maxGarbage))
	} else {
		meta.Kept = inv.Bytes
	}
	return st.Save(meta)
}
