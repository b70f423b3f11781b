package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// nextName is the name of a store that is being built. It is kept until its tree is complete.
const nextName = disk.TempPrefix + "next"

// Reopen reads the root's store, which may be absent or not ours. It finishes an interrupted replacement: if there is
// no .git, a next store that is ready takes its place. A next store that is not ready is left for Fresh.
func (st *Store) Reopen() error {
	if !disk.Exists(st.Dir()) {
		next := st.next()
		if next.Err != nil {
			return next.Err
		}
		if next.Meta.Ready {
			if err := os.Rename(next.Dir(), st.Dir()); err != nil {
				return fmt.Errorf("restoring the store: %w", err)
			}
		}
	}
	*st = *At(st.Dir(), st.opts)
	if st.Err != nil || st.Unfinished() {
		return st.Err
	}
	return st.DiscardNext()
}

// Unfinished reports whether a failed attempt has left a store beside this one. The next attempt fetches into that
// store what is missing.
func (st *Store) Unfinished() bool {
	next := st.next()
	return next.Usable() && !next.Meta.Ready
}

func (st *Store) next() *Store { return At(filepath.Join(st.opts.Root, nextName), st.opts) }

// DiscardNext discards the store that is being built beside this one.
func (st *Store) DiscardNext() error { return st.next().Discard() }

// Fresh returns a store beside the root's, for objects with the same format as oid. It is new, or one that a failed
// attempt has fetched into. Adopt makes it the root's store, Discard discards it.
func (st *Store) Fresh(oid string) (*Store, error) {
	fresh := st.next()
	if st.Unfinished() && fresh.Meta.Format == formatOf(oid) && fresh.Meta.Filter == st.opts.Filter {
		return fresh, errors.Join(fresh.complete(), fresh.Heal(), fresh.forgetTrees())
	}
	if err := fresh.Discard(); err != nil {
		return nil, fmt.Errorf("discarding an unfinished store: %w", err)
	}
	if err := fresh.create(formatOf(oid), st.opts.Filter); err != nil {
		return nil, errors.Join(err, fresh.Discard())
	}
	return fresh, nil
}

// forgetTrees removes all admin directories, those of submodules included.
func (st *Store) forgetTrees() error {
	stores, err := st.All()
	for _, each := range stores {
		err = errors.Join(err, each.Forget(nil))
	}
	return err
}

// Reusable reports whether the next attempt can use what was fetched into a store beside this one. err is the failure
// of this attempt.
func (st *Store) Reusable(ctx context.Context, g *git.Git, err error) bool {
	head, herr := st.Head()
	return herr == nil && head != "" && !st.ProvesCorrupt(ctx, g, err)
}

// Discard moves the store into the trash.
func (st *Store) Discard() error { return st.trash().Discard(st.Dir()) }

// Adopt makes fresh, which was built beside the root's store, the root's store, and updates st. The trees' .git files
// contain <root>/.git, so the two directories are exchanged. link is the link that will be published; it is recorded
// unless one is known already.
func (st *Store) Adopt(fresh *Store, link string, exchange func(a, b string) error) error {
	meta := fresh.Meta
	meta.Ready, meta.Link, meta.Pins = true, st.Meta.Link, st.Meta.Pins
	if meta.Link == "" {
		meta.Link = link // does not exist until it is published
	}
	if inv, err := fresh.inventory(); err == nil {
		meta.Kept = inv.bytes // all of it is needed
	}
	if err := fresh.Save(meta); err != nil {
		return err
	}
	if err := st.swap(fresh.Dir(), exchange); err != nil {
		return fmt.Errorf("putting the new store in place: %w", err)
	}
	fresh.GitDir = st.GitDir
	*st = *fresh
	return st.DiscardNext()
}

// swap puts the store at next in the place of this one.
func (st *Store) swap(next string, exchange func(a, b string) error) error {
	now := st.Dir()
	if !disk.Exists(now) {
		return os.Rename(next, now)
	}
	err := exchange(next, now)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	// If a crash happens between the two renames, Reopen finishes them.
	if err = st.trash().Move(now); errors.Is(err, unix.EXDEV) {
		err = removeInPlace(now)
	}
	if err != nil {
		return err
	}
	return os.Rename(next, now)
}

// removeInPlace removes a store that cannot be renamed. The marker goes last, so that the rest is recognized as ours.
func removeInPlace(dir string) error {
	marked := func(name string) bool {
		base := filepath.Base(name)
		return base == disk.OwnName || base == disk.Marker
	}
	if err := removeUnless(marked, dir, "*", disk.OwnName+"/*"); err != nil {
		return err
	}
	return disk.RemoveTree(dir)
}
