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

const (
	nextName = disk.TempPrefix + "next" // a store being built; it is kept until its tree is complete
	oldName  = disk.TempPrefix + "old"  // a store being replaced, where exchange(2) is missing
)

// Reopen reads the root's store, which may be absent or not ours. It finishes an
// interrupted change of stores: without a .git, a new store that is ready takes
// its place. One that is not ready yet is left for Fresh; else what is beside is a
// leftover.
func (st *Store) Reopen() error {
	if !disk.Exists(st.Dir()) {
		aside := At(filepath.Join(st.opts.Root, nextName), st.opts)
		if aside.Err == nil && !aside.Meta.Ready {
			aside = At(filepath.Join(st.opts.Root, oldName), st.opts)
		}
		if aside.Err != nil {
			return aside.Err
		}
		if aside.Usable() {
			if err := os.Rename(aside.Dir(), st.Dir()); err != nil {
				return fmt.Errorf("restoring the store: %w", err)
			}
		}
	}
	*st = *At(st.Dir(), st.opts)
	if st.Err != nil {
		return st.Err
	}
	if st.Unfinished() {
		return st.discardAside(oldName)
	}
	return st.DiscardAside()
}

// Unfinished reports whether an attempt that failed has left a store beside this one, into
// which the next one fetches what is missing.
func (st *Store) Unfinished() bool {
	next := st.next()
	return next.Usable() && !next.Meta.Ready
}

func (st *Store) next() *Store { return At(filepath.Join(st.opts.Root, nextName), st.opts) }

// DiscardAside gives up all that is beside the store.
func (st *Store) DiscardAside() error {
	return errors.Join(st.discardAside(nextName), st.discardAside(oldName))
}

func (st *Store) discardAside(name string) error {
	return st.trash().Discard(filepath.Join(st.opts.Root, name))
}

// Fresh returns a store beside the root's, for objects like oid: a new one, or one that an
// attempt which failed has fetched into. Adopt puts it in the root's place, Discard gives it up.
func (st *Store) Fresh(oid string) (*Store, error) {
	fresh := st.next()
	if st.Unfinished() && fresh.Meta.Format == formatOf(oid) && fresh.Meta.Filter == st.opts.Filter {
		return fresh, errors.Join(fresh.complete(), fresh.Heal(), fresh.forgetTrees())
	}
	if err := fresh.Discard(); err != nil {
		return nil, fmt.Errorf("setting an unfinished store aside: %w", err)
	}
	if err := fresh.create(formatOf(oid), st.opts.Filter); err != nil {
		return nil, errors.Join(err, fresh.Discard())
	}
	return fresh, nil
}

// forgetTrees removes all admin directories, submodules' included.
func (st *Store) forgetTrees() error {
	stores, err := st.All()
	for _, each := range stores {
		err = errors.Join(err, each.Forget(nil))
	}
	return err
}

// Reusable reports whether what was fetched into a store beside this one is of use to the next
// attempt, when this one has failed with err.
func (st *Store) Reusable(ctx context.Context, g *git.Git, err error) bool {
	head, herr := st.Head()
	return herr == nil && head != "" && !st.ProvesCorrupt(ctx, g, err)
}

// Discard moves the store into the trash.
func (st *Store) Discard() error { return st.trash().Discard(st.Dir()) }

// Adopt makes fresh, built aside, the root's store, in st. The trees' .git files
// name <root>/.git, so the two directories change places. link is what is about
// to be published, unless a link is known already.
func (st *Store) Adopt(fresh *Store, link string, exchange func(a, b string) error) error {
	meta := fresh.Meta
	meta.Ready, meta.Link = true, st.Meta.Link
	if meta.Link == "" {
		meta.Link = link // leads nowhere until it is published
	}
	if inv, err := fresh.inventory(); err == nil {
		meta.Kept = inv.Bytes // all of it is what was asked for
	}
	pins, err := st.pins()
	if err == nil {
		err = errors.Join(fresh.savePins(pins), fresh.Save(meta))
	}
	if err != nil {
		return err
	}
	if err := swap(fresh.Dir(), st.Dir(), filepath.Join(st.opts.Root, oldName), exchange); err != nil {
		return fmt.Errorf("putting the new store in place: %w", err)
	}
	fresh.GitDir = st.GitDir
	*st = *fresh
	return st.DiscardAside()
}

func swap(next, now, aside string, exchange func(a, b string) error) error {
	if !disk.Exists(now) {
		return os.Rename(next, now)
	}
	err := exchange(next, now)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	// A crash between the two renames is healed by Reopen.
	if err = os.Rename(now, aside); errors.Is(err, unix.EXDEV) {
		err = removeInPlace(now)
	}
	if err != nil {
		return err
	}
	return os.Rename(next, now)
}

// removeInPlace removes a store that cannot be renamed, its marker last: so it is known as ours.
func removeInPlace(dir string) error {
	var err error
	for _, pattern := range []string{"*", disk.OwnName + "/*"} {
		names, gerr := disk.Glob(dir, pattern)
		err = errors.Join(err, gerr)
		for _, name := range names {
			if base := filepath.Base(name); base != disk.OwnName && base != disk.Marker {
				err = errors.Join(err, disk.RemoveTree(name))
			}
		}
	}
	if err != nil {
		return err
	}
	return disk.RemoveTree(dir)
}
