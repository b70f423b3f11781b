package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"git-sync/pkg/repo/internal/disk"
)

// removeUnless removes the files below dir that match patterns, except those to keep.
func removeUnless(keep func(name string) bool, dir string, patterns ...string) error {
	var err error
	for _, pattern := range patterns {
		names, gerr := disk.Glob(dir, pattern)
		err = errors.Join(err, gerr)
		for _, name := range slices.DeleteFunc(names, keep) {
			err = errors.Join(err, disk.RemoveTree(name))
		}
	}
	return err
}

// remove removes the files that match patterns. what describes them in an error.
func (st *Store) remove(what string, patterns ...string) error {
	none := func(string) bool { return false }
	if err := removeUnless(none, st.Dir(), patterns...); err != nil {
		return fmt.Errorf("removing %s: %w", what, err)
	}
	return nil
}

// HealLocks removes locks and partial refs that a killed git has left, because they would make the next git fail.
// Only git-sync writes to a store, under the root's lock, and none of its git processes runs now. So every lock is
// stale, and every temporary ref is incomplete.
func (st *Store) HealLocks() error {
	err := st.remove("stale locks", "*.lock", "gc.pid", "objects/info/alternates.lock", "objects/info/commit-graph.lock")
	return errors.Join(err, filepath.WalkDir(st.Path("refs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.HasSuffix(name, ".lock") || strings.HasPrefix(d.Name(), disk.TempPrefix)) {
			return disk.Remove(name)
		}
		return nil // git reports an unreadable directory later
	}))
}

// healObjects removes the temporary files of interrupted fetches.
func (st *Store) healObjects() error {
	return st.remove("leftovers of an interrupted fetch", "objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/tmp_*", "objects/??/tmp_obj_*",
		disk.TempPrefix+"*", disk.OwnName+"/"+disk.TempPrefix+"*")
}

// healCollections removes the leftovers of garbage collections.
func (st *Store) healCollections() error {
	return st.remove("leftovers of a garbage collection", disk.OwnName+"/"+scratchPrefix+"*")
}

// lockAge is the age after which a lock in a worktree is considered stale. Consumers may run git in a published tree,
// which holds a lock only for moments.
const lockAge = 10 * time.Second

// HealWorktreeLocks removes stale locks from the admin directories of worktrees, those of submodules included. A lock
// is stale if it is older than since, when this process took over the root, or older than lockAge at now.
func (st *Store) HealWorktreeLocks(since, now time.Time) error {
	inUse := func(name string) bool {
		info, err := os.Lstat(name) // on error, it was removed meanwhile
		return err != nil || !info.ModTime().Before(since) && now.Sub(info.ModTime()) <= lockAge
	}
	locks := disk.Admins + "/*/*.lock"
	if err := removeUnless(inUse, st.Dir(), locks, disk.OwnName+"/"+disk.ModulesName+"/*/"+locks); err != nil {
		return fmt.Errorf("removing stale locks of worktrees: %w", err)
	}
	return nil
}

// Heal removes the leftovers of interrupted fetches and writes from the store and from the stores of submodules.
func (st *Store) Heal() error {
	stores, err := st.All()
	for _, each := range stores {
		err = errors.Join(err, each.HealLocks(), each.healObjects(), each.healCollections(), each.RemoveLFSLogs(),
			each.remove("leftovers in admin directories", disk.Admins+"/*/"+disk.TempPrefix+"*"))
	}
	return err
}

// Forget removes the admin directories in st that are not live.
func (st *Store) Forget(live map[string]bool) error {
	entries, err := os.ReadDir(st.Path(disk.Admins))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("listing admin directories: %w", err)
	}
	for _, e := range entries {
		if !live[e.Name()] {
			if err := os.RemoveAll(st.Admin(e.Name())); err != nil {
				return fmt.Errorf("removing an admin directory: %w", err)
			}
		}
	}
	return nil
}
