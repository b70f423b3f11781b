package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
)

// Garbage is worth collecting when what was added since the last time
// outweighs what was kept then, and the fixed cost; or when there are so many
// packs or loose objects that git becomes slow (git's own gc.auto counts 50
// packs and 6,700 loose objects).
const (
	minGarbage = 256 << 10
	maxPacks   = 20
	maxLoose   = 2000
)

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
		if r.grown {
			return all, nil
		}
		return nil, nil
	case GCOff:
		return nil, nil
	case GCAuto:
	}
	var worth []store
	for _, st := range all {
		inv, err := st.inventory()
		if err != nil {
			continue // unreadable, or only begun: not today
		}
		garbage := inv.bytes - st.meta.Kept
		if garbage > minGarbage && garbage > st.meta.Kept || inv.packs > maxPacks || inv.loose > maxLoose {
			worth = append(worth, st)
		}
	}
	return worth, nil
}

// collect drops unreachable objects where that is worth it. It gives way to a
// sync.
func (r *Repo) collect(ctx context.Context) error {
	r.work.Lock()
	defer r.work.Unlock()
	if ctx.Err() != nil || !r.holds() {
		return nil
	}
	stores, err := r.worthCollecting()
	if err != nil || len(stores) == 0 {
		return err
	}
	ctx, ok := r.work.collecting(ctx)
	if !ok {
		return nil
	}
	defer r.work.collected()
	for _, st := range stores {
		if err := r.repack(ctx, st); err != nil {
			if ctx.Err() != nil {
				return nil // a sync is more urgent; it is made up for
			}
			return err
		}
	}
	r.grown = false
	r.work.forgive()
	r.remember()
	return nil
}

func (r *Repo) repack(ctx context.Context, st store) error {
	if err := errors.Join(st.healLocks(), st.dropModuleRefs()); err != nil {
		return err
	}
	// One thread and a bounded window: beside the loop, in a small container.
	c := git.Cmd("repack", "-a", "-d", "-l", "-q").GitDir(st.dir).
		Config(git.KV{Key: "pack.threads", Value: "1"}, git.KV{Key: "pack.windowMemory", Value: "32m"}, git.KV{Key: "repack.writeBitmaps", Value: "false"})
	if r.opts.GC == GCAggressive {
		c.Arg("-f", "--depth=50", "--window=250")
	}
	if _, err := r.opts.Git.Run(ctx, c); err != nil {
		return errors.Join(fmt.Errorf("repacking: %w", err), st.healObjects())
	}
	if _, err := r.opts.Git.Run(ctx, git.Cmd("prune", "--expire=now").GitDir(st.dir)); err != nil {
		return fmt.Errorf("pruning: %w", err)
	}
	inv, err := st.inventory()
	if err != nil {
		return err
	}
	meta := st.meta
	meta.Kept = inv.bytes
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
