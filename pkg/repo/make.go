package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/remote"
)

// make fetches what is wanted and makes its tree, beside all that is there. A
// store that is proved to be corrupt is replaced by a fresh one, once.
func (s session) make(ctx context.Context, want target) (Tree, error) {
	st := &s.store // what its marker says of it changes with it
	if !st.usable() || s.corrupt || st.meta.Format != formatOf(want.OID) || st.meta.Filter != s.opts.Filter {
		return s.makeFresh(ctx, want)
	}
	tree, err := s.makeIn(ctx, st, want)
	if err == nil || !s.provesCorrupt(ctx, err) {
		return tree, err
	}
	s.log.Info("the object store is corrupt, fetching it anew", "cause", err.Error())
	fresh, ferr := s.makeFresh(ctx, want)
	if ferr != nil {
		return Tree{}, errors.Join(ferr, fmt.Errorf("the store to be replaced: %w", err))
	}
	return fresh, nil
}

// provesCorrupt reports whether a failure is that of a corrupt store. git may
// say so, or say something that it has no clear words for, as when it meets a
// damaged object in the middle of a fetch: then the objects are looked at.
func (s session) provesCorrupt(ctx context.Context, err error) bool {
	switch git.KindOf(err) {
	case git.KindCorrupt:
		return true
	case git.KindUnknown:
		s.examineStores()
		return s.corrupt || s.lacksHistory() || s.lacksObjects(ctx)
	default:
		return false
	}
}

// lacksObjects reports whether git finds something missing of what was fetched
// last, by following it from object to object: files that are gone leave no
// trace in those that are there. In a partial clone that proves nothing.
func (s session) lacksObjects(ctx context.Context) bool {
	modules, _ := s.moduleStores() // unreadable: nothing is known of them
	for _, st := range append(modules, s.store) {
		if !st.usable() || st.meta.Filter != "" {
			continue
		}
		c := git.Cmd("rev-list", "--objects", "--all", "--quiet").GitDir(st.dir)
		if _, err := s.git.Run(ctx, c); err != nil && (git.KindOf(err) == git.KindUnknown || git.KindOf(err) == git.KindCorrupt) {
			s.log.V(1).Info("objects are missing from the store", "cause", err.Error())
			return true
		}
	}
	return false
}

// lacksHistory reports whether a store may have less history than git
// believes: when git cannot put its list of shallow commits in place it goes on
// as if it had, and from then on misses the parents of what it fetched. A
// store without the list may also be that of a repository of one commit; then
// it is fetched anew for nothing, after a failure that nobody can explain.
func (s session) lacksHistory() bool {
	if s.opts.Depth <= 0 {
		return false
	}
	modules, _ := s.moduleStores() // unreadable: nothing is known of them
	for _, st := range append(modules, s.store) {
		head, err := st.ref(headRef)
		empty := st.dir == s.store.dir && head == ""
		if err == nil && st.usable() && !st.shallow() && !empty {
			return true
		}
	}
	return false
}

// makeFresh is make in a new store, which takes the place of the old one when
// the tree is complete.
func (s session) makeFresh(ctx context.Context, want target) (Tree, error) {
	st := s.newStore(filepath.Join(s.root, nextStore))
	if err := s.discard(st.dir); err != nil {
		return Tree{}, fmt.Errorf("setting an unfinished store aside: %w", err)
	}
	err := st.create(formatOf(want.OID), s.opts.Filter)
	var tree Tree
	if err == nil {
		tree, err = s.makeIn(ctx, &st, want)
	}
	if err != nil {
		err = errors.Join(err, s.discard(st.dir))
		if noSpace(err) {
			s.makeRoom(ctx)
		}
		return Tree{}, err
	}
	return tree, nil
}

// makeIn is make in st, which becomes the store if it is not.
func (s session) makeIn(ctx context.Context, st *store, want target) (Tree, error) {
	before := s.snapshots(*st)
	err := s.obtain(ctx, st, &want)
	var tree Tree
	if err == nil {
		err = s.verifySignature(ctx, *st, want)
	}
	if err == nil {
		if tree, ok := s.current(want); ok && st.dir == s.store.dir {
			return tree, nil
		}
		tree, err = s.tree(ctx, *st, want)
	}
	if err == nil && st.dir != s.store.dir {
		if err = s.adoptStore(st); err == nil {
			s.records[tree.rec.id] = tree.rec // it knows more than what was written of it
		}
	}
	if err == nil {
		err = s.place(&tree)
	}
	if err != nil {
		if noSpace(err) {
			err = errors.Join(err, s.rollback(*st, before))
			s.makeRoom(ctx)
		}
		return Tree{}, err
	}
	return tree, nil
}

// noSpace reports whether the disk, or the quota, is full.
func noSpace(err error) bool {
	return git.KindOf(err) == git.KindNoSpace || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// obtain fetches what is wanted into st, unless it is there, and fills in the
// commit.
func (s session) obtain(ctx context.Context, st *store, want *target) error {
	if err := st.configure(); err != nil {
		return err
	}
	head, err := st.ref(headRef)
	if err != nil {
		return err
	}
	if head == want.OID && st.meta.Depth == s.opts.Depth {
		if want.Name == "" {
			return s.peelTarget(ctx, *st, want)
		}
		return nil
	}
	err = s.fetch(ctx, st, fetchOptions{depth: s.opts.Depth, refspecs: []string{"+" + want.Source() + ":" + headRef}})
	if err != nil && want.Name == "" && canFetchAll(err) {
		// Older servers hand out no commits by hash: take all branches and
		// tags, and look whether it is among them.
		err = s.obtainAll(ctx, st, *want)
	}
	if err != nil {
		return fmt.Errorf("fetching %s: %w", want.Source(), err)
	}
	if err := s.noteDepth(st); err != nil {
		return err
	}
	if head, err = st.ref(headRef); err != nil {
		return err
	}
	if head == "" {
		return fmt.Errorf("%s is not there after fetching it", headRef)
	}
	if head != want.OID || want.Name == "" {
		// The ref has moved since it was asked for: newer is better.
		want.OID, want.Commit = head, head
		if !want.IsBranch() {
			return s.peelTarget(ctx, *st, want)
		}
	}
	return nil
}

// noteDepth notes in st's marker to what depth it was fetched. That of a store
// built aside is written when it is adopted.
func (s session) noteDepth(st *store) error {
	meta := st.meta
	meta.Depth = s.opts.Depth
	if meta == st.meta {
		return nil
	}
	if st.dir != s.store.dir {
		st.meta = meta
		return nil
	}
	return st.save(meta)
}

func (s session) peelTarget(ctx context.Context, st store, want *target) error {
	commit, err := s.peel(ctx, st, want.OID)
	if err != nil {
		return err
	}
	want.Commit = commit
	return nil
}

func canFetchAll(err error) bool {
	switch git.KindOf(err) {
	case git.KindRefNotFound, git.KindUnsupported, git.KindUnknown:
		return true
	default:
		return false
	}
}

func (s session) obtainAll(ctx context.Context, st *store, want target) error {
	err := s.fetch(ctx, st, fetchOptions{refspecs: []string{"+refs/heads/*:refs/git-sync/heads/*", "+refs/tags/*:refs/git-sync/tags/*"}, prune: true})
	if err != nil {
		return err
	}
	has, err := s.hasCommit(ctx, *st, want.OID)
	if err != nil {
		return err
	}
	if !has {
		return remote.NotFound(want.OID)
	}
	_, err = s.git.Run(ctx, git.Cmd("update-ref").GitDir(st.dir).Operand(headRef, want.OID))
	return err
}

// adoptStore makes st, built aside, the root's store. The trees' .git files
// name <root>/.git, so the two directories change places.
func (s session) adoptStore(st *store) error {
	meta := st.meta
	meta.Ready, meta.Link = true, s.store.meta.Link
	if meta.Link == "" {
		meta.Link = s.linkName() // which is about to be published, and leads nowhere until then
	}
	if inv, err := st.inventory(); err == nil {
		meta.Kept = inv.bytes // all of it is what was asked for
	}
	pins, err := s.store.pins()
	if err == nil {
		err = errors.Join(st.savePins(pins), s.noteOlderLinks(*st))
	}
	if err != nil {
		return err
	}
	if err := st.save(meta); err != nil {
		return err
	}
	now := s.store.dir
	switch err := s.swapStores(st.dir, now); {
	case err != nil:
		return fmt.Errorf("putting the new store in place: %w", err)
	default:
		st.dir = now
	}
	s.store, s.corrupt = *st, false
	if err := s.loadRecords(); err != nil {
		return err
	}
	for _, name := range []string{nextStore, oldStore} {
		if old := filepath.Join(s.root, name); exists(old) {
			if err := s.discard(old); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s session) swapStores(next, now string) error {
	if !exists(now) {
		return os.Rename(next, now)
	}
	err := s.swap(next, now)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	// A crash between the two renames is healed by begin, which finds a ready
	// store and no .git.
	if err := os.Rename(now, filepath.Join(s.root, oldStore)); err != nil {
		return err
	}
	return os.Rename(next, now)
}
