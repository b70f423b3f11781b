package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
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

// grown reports whether objects were fetched since garbage was collected.
func (r *Repo) grown() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats.Fetches != r.collected
}

// worthCollecting returns the stores, submodules' included, in which garbage
// is worth collecting.
func (r *Repo) worthCollecting() ([]store, error) {
	modules, err := r.moduleStores()
	if err != nil {
		return nil, err
	}
	all := append(modules, r.store)
	switch r.opts.GC {
	case GCAlways, GCAggressive:
		if !r.grown() {
			return nil, nil
		}
		return all, nil
	case GCOff:
		return nil, nil
	case GCAuto:
		if !r.grown() {
			return nil, nil // nothing has come since: nothing else would be kept
		}
	}
	var worth []store
	for _, st := range all {
		inv, err := st.inventory()
		if err != nil {
			continue // unreadable, or only begun: not today
		}
		garbage := inv.bytes - st.meta.Kept
		if st.meta.Kept == 0 {
			garbage = 0 // made not long ago: see noteNew
		}
		if garbage > minGarbage && garbage > st.meta.Kept/maxGarbage || inv.packs > maxPacks || inv.loose > maxLoose {
			worth = append(worth, st)
		}
	}
	return worth, nil
}

// collect drops unreachable objects where that is worth it.
func (r *Repo) collect(ctx context.Context) {
	r.mu.Lock()
	wait := r.opts.Now().Before(r.collectNext)
	r.mu.Unlock()
	if wait {
		return
	}
	err := r.collectAll(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.collectWait = 0
		return
	}
	r.collectWait = min(max(2*r.collectWait, minCollectWait), retryTrash)
	r.collectNext = r.opts.Now().Add(r.collectWait)
	if ctx.Err() == nil {
		r.log.Error(err, "collecting garbage; it is tried again later", "retryIn", r.collectWait.String())
	}
}

// minCollectWait is how long a collection that has failed is left before it is
// tried again; twice that when it fails again, and so on. A busy upstream may
// push a lot in a minute.
const minCollectWait = time.Second

func (r *Repo) collectAll(ctx context.Context) error {
	stores, fetches, err := r.beginCollecting(ctx)
	if err != nil {
		return err
	}
	for _, st := range stores {
		err = errors.Join(err, r.collectIn(ctx, st))
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.collected = fetches
	return nil
}

// beginCollecting returns the stores in which garbage is to be collected, and
// how many fetches there had been by then.
func (r *Repo) beginCollecting(ctx context.Context) ([]store, int, error) {
	if err := r.work.enter(ctx, "collection of garbage"); err != nil {
		return nil, 0, err
	}
	defer r.work.Unlock()
	if !r.holds() {
		return nil, 0, nil
	}
	fetches := r.Stats().Fetches
	if err := r.noteNew(); err != nil {
		return nil, 0, err
	}
	stores, err := r.worthCollecting()
	for _, st := range stores {
		err = errors.Join(err, st.dropModuleRefs())
	}
	return stores, fetches, err
}

// noteNew notes the size of stores that were made not long ago: what is in
// them was fetched for one tree, and is not garbage.
func (r *Repo) noteNew() error {
	modules, err := r.moduleStores()
	if err != nil {
		return err
	}
	for _, st := range append(modules, r.store) {
		inv, err := st.inventory()
		if !st.usable() || st.meta.Kept != 0 || err != nil {
			continue
		}
		if err := r.keeps(st, inv); err != nil {
			return err
		}
	}
	return nil
}

// keeps notes that a store holds nothing but what is needed. It needs the work
// lock. What two revisions need is more than what one needs, and garbage as
// soon as the next one comes: so growth is believed by halves, and looked at
// again with the next fetch.
func (r *Repo) keeps(st store, inv inventory) error {
	st.load() // a sync may have changed it meanwhile
	meta := st.meta
	if growth := inv.bytes - meta.Kept; meta.Kept > 0 && growth > 0 {
		meta.Kept += min(growth, max(growth/2, meta.Kept/maxGarbage))
	} else {
		meta.Kept = inv.bytes
	}
	if err := st.save(meta); err != nil {
		return err
	}
	if st.dir == r.store.dir {
		r.store.meta = meta
	}
	return nil
}

// dropModuleRefs removes the refs by which a submodule's store keeps commits
// that are checked out nowhere.
func (st store) dropModuleRefs() error {
	used := map[string]bool{}
	heads, err := glob(st.dir, adminDirName+"/*/HEAD")
	if err != nil {
		return err
	}
	for _, name := range heads {
		head, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("looking for submodules in use: %w", err)
		}
		used[strings.TrimSpace(string(head))] = true
	}
	refs, err := glob(st.dir, moduleRef("*"))
	for _, name := range refs {
		if !used[filepath.Base(name)] {
			err = errors.Join(err, remove(name))
		}
	}
	if err != nil {
		return fmt.Errorf("forgetting submodules' commits: %w", err)
	}
	return nil
}
