package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/outlet"
	"git-sync/pkg/repo/remote"
	"git-sync/pkg/repo/store"
	"git-sync/pkg/repo/worktree"
)

// attempt is one sync: the Repo, and a git with the credentials of this sync.
type attempt struct {
	*Repo
	git   *git.Git
	creds git.Overlay
}

func (r *Repo) attempt(creds git.Overlay) attempt {
	return attempt{Repo: r, git: r.opts.Git.With(creds), creds: creds}
}

// target is the revision that a sync publishes.
type target struct {
	remote.Target
	recipe worktree.Recipe
	sparse []byte
}

// newTarget returns a target without a commit.
func (r *Repo) newTarget() (target, error) {
	sparse, err := r.trees.SparsePatterns()
	return target{recipe: r.trees.Recipe(sparse), sparse: sparse}, err
}

// guess returns what a first sync may fetch without polling the remote first: the store has nothing yet to compare
// with the remote's refs.
func (s attempt) guess(want target) (target, bool) {
	if s.store.Usable() || s.store.Unfinished() || s.opts.RefPinned {
		return want, false
	}
	var ok bool
	want.Target, ok = s.remote.Guess()
	return want, ok
}

// guessedWrong reports whether a fetch may have failed because the branch does not exist, or because the repository
// has another object format than assumed.
func guessedWrong(err error) bool {
	failed, ok := errors.AsType[*git.Error](err)
	kinds := []git.Kind{git.KindRefNotFound, git.KindEmptyRemote, git.KindUnsupported, git.KindUnknown}
	return ok && failed.Op == "fetch" && slices.Contains(kinds, failed.Kind)
}

// ask polls the remote for the commit of the ref. If Restore may be needed, it leaves half of the time for that,
// because the remote may not answer before the deadline.
func (s attempt) ask(ctx context.Context, want target) (target, error) {
	if s.restorable() {
		limited, cancel := s.half(ctx)
		defer cancel()
		ctx = limited
	}
	t, err := s.remote.Resolve(ctx, s.creds)
	if err == nil && s.opts.RefPinned && t.IsTag() {
		err = s.store.CheckPin(t.Name, t.OID)
	}
	if err != nil {
		return target{}, err
	}
	want.Target = s.knownCommit(t)
	return want, nil
}

// knownCommit completes a target that was asked for by hash from the record of a tree. The hash may be that of an
// annotated tag, or an abbreviated one.
func (r *Repo) knownCommit(t remote.Target) remote.Target {
	for _, rec := range r.records.ByID {
		switch {
		case t.Short != "" && strings.HasPrefix(rec.Hash, t.Short):
			t.Commit, t.OID = rec.Hash, rec.Hash
		case t.Name == "" && rec.Asked == t.OID:
			t.Commit = rec.Hash
		}
	}
	return t
}

// complete makes the tree of want, which may then be published.
func (s attempt) complete(ctx context.Context, want target) (Tree, error) {
	defer s.noteStore()
	tree, err := s.make(ctx, want)
	s.state.upToDate = err == nil
	if err != nil {
		s.jobs.clean.start(ctx, s.clean) // removes the unfinished tree
		return tree, err
	}
	s.state.prepared = tree.rec.Place
	return tree, nil
}

// make fetches what is wanted and makes its tree, beside all existing ones. If the store is proved to be corrupt, it
// is replaced by a new one, once.
func (s attempt) make(ctx context.Context, want target) (Tree, error) {
	if !s.store.Holds(want.OID) {
		return s.makeFresh(ctx, want)
	}
	tree, err := s.makeIn(ctx, s.store, want)
	if err == nil || !s.store.ProvesCorrupt(ctx, s.git, err) {
		return tree, err
	}
	s.opts.Log.Error(err, "object store corrupt, fetching again")
	fresh, ferr := s.makeFresh(ctx, want)
	if ferr != nil {
		return Tree{}, errors.Join(ferr, fmt.Errorf("the store to be replaced: %w", err))
	}
	return fresh, nil
}

// makeFresh does the same as make in a new store, which replaces the old one when the tree is complete. On failure,
// the fetched objects are kept for the next attempt.
func (s attempt) makeFresh(ctx context.Context, want target) (Tree, error) {
	fresh, err := s.store.Fresh(want.OID)
	if err != nil {
		return Tree{}, err
	}
	tree, err := s.makeIn(ctx, fresh, want)
	if err != nil && fresh.Dir() != s.store.Dir() && (noSpace(err) || !fresh.Reusable(ctx, s.git, err)) {
		err = errors.Join(err, fresh.Discard())
		if noSpace(err) {
			s.makeRoom(ctx)
		}
	}
	return tree, err
}

// makeIn does the same as make in st, which becomes the store if it is not.
func (s attempt) makeIn(ctx context.Context, st *store.Store, want target) (Tree, error) {
	before := st.Snapshot()
	tree, err := s.fetchAndBuild(ctx, st, want)
	if err == nil && st != s.store {
		err = s.adopt(st, tree.rec)
	}
	if err == nil {
		err = s.place(&tree)
	}
	if err != nil {
		if noSpace(err) {
			err = errors.Join(err, st.Rollback(before))
			s.makeRoom(ctx)
		}
		return Tree{}, err
	}
	return tree, nil
}

func (s attempt) fetchAndBuild(ctx context.Context, st *store.Store, want target) (Tree, error) {
	head, err := st.Obtain(ctx, s.git, want.Source(), want.OID)
	if err != nil {
		return Tree{}, err
	}
	switch {
	case want.Short != "":
		if want.Commit, err = st.Within(ctx, s.git, head, want.Short); err != nil {
			return Tree{}, err
		}
		want.OID = want.Commit
	case head != want.OID || want.Name == "":
		// The ref has moved since the poll: use the newer commit.
		want.OID, want.Commit = head, head
		if !want.IsBranch() {
			if want.Commit, err = st.Peel(ctx, s.git, head); err != nil {
				return Tree{}, err
			}
		}
	}
	if err := s.acceptable(ctx, st, want); err != nil {
		return Tree{}, err
	}
	if st == s.store {
		if now := s.current(); s.isWanted(now, want) {
			return s.tree(want.Name, now), nil
		}
		if tree, ok := s.reusable(ctx, want); ok {
			return tree, nil
		}
	}
	tree, err := s.build(ctx, st, want)
	if err != nil && !want.IsBranch() && ctx.Err() == nil {
		if _, perr := st.Peel(ctx, s.git, want.Commit); git.KindOf(perr) == git.KindRefNotFound {
			err = perr // for example, a tag of a file
		}
	}
	return tree, err
}

// acceptable returns an error if the commit must not be published.
func (s attempt) acceptable(ctx context.Context, st *store.Store, want target) error {
	if err := s.verifySignature(ctx, st, want); err != nil {
		return err
	}
	return st.HasDir(ctx, s.git, want.Commit, s.opts.Subdir)
}

// adopt makes st, which was built beside the store, the store. rec is more recent than the record on the disk.
func (s attempt) adopt(st *store.Store, rec worktree.Record) error {
	st.Meta.TakenOver = isOlderStore(s.store.Dir())
	if err := s.store.Adopt(st, outlet.Name(s.root, s.outlet.Path()), s.exchange); err != nil {
		return err
	}
	if st.Meta.TakenOver {
		s.opts.Log.Info("took over the root of an older git-sync", "root", s.root)
	}
	if err := s.records.Load(); err != nil {
		return err
	}
	s.records.Add(rec)
	return nil
}

// noSpace reports whether the disk, or the quota, is full.
func noSpace(err error) bool {
	return git.KindOf(err) == git.KindNoSpace || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
