package repo

import (
	"cmp"
	"context"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/remote"
)

// Restore is for a sync that has failed with cause. If cause means that the remote cannot be reached, and the
// published tree is damaged or gone, Restore makes the tree of the same commit again from the store. The caller then
// publishes it. If the returned tree is not New, there is nothing to do.
func (r *Repo) Restore(ctx context.Context, cause error) (Tree, error) {
	if !unreachable(cause) || ctx.Err() != nil {
		return Tree{}, nil
	}
	if err := r.enter(ctx); err != nil {
		return Tree{}, err
	}
	defer r.work.Unlock()
	r.refreshReport("")
	if !r.restorable() {
		return Tree{}, nil
	}
	want, err := r.newTarget()
	if err != nil {
		return Tree{}, err
	}
	commit := r.lostCommit()
	rev, _ := r.Published()
	want.Target = remote.Target{Commit: commit, OID: commit, Name: rev.Ref}
	return r.attempt(git.Overlay{Env: []string{"GIT_NO_LAZY_FETCH=1"}}).restore(ctx, want)
}

// unreachable reports whether err says nothing about what the remote holds. It is false if the ref does not exist, or
// if the cause is local.
func unreachable(err error) bool {
	switch git.KindOf(err) {
	case git.KindNetwork, git.KindTLS, git.KindAuth, git.KindHostKey, git.KindRepoNotFound, git.KindRateLimited, git.KindServer,
		git.KindTimeout, git.KindKilled, git.KindLagging, git.KindDenied, git.KindProxy, git.KindFilter, git.KindUnknown:
		return true
	default:
		return false
	}
}

// restorable reports whether the published tree must be made again, and the store may have the objects for it.
func (r *Repo) restorable() bool {
	return r.state.condition.broken() && r.store.Usable() && !r.store.Corrupt && r.lostCommit() != ""
}

// lostCommit returns the commit that was published last, whether its tree exists or not; empty if that is not known.
func (r *Repo) lostCommit() string {
	rev, _ := r.Published()
	return cmp.Or(r.current().commit, rev.Hash)
}

func (s attempt) restore(ctx context.Context, want target) (Tree, error) {
	if s.verifies() {
		// The last fetch may be of the signed tag of the commit.
		if head, err := s.store.Head(); err == nil && head != "" {
			if commit, err := s.store.Peel(ctx, s.git, head); err == nil && commit == want.Commit {
				want.OID = head
			}
		}
		if err := s.verifySignature(ctx, s.store, want); err != nil {
			return Tree{}, err
		}
	}
	defer s.noteStore()
	tree, ok := s.reusable(ctx, want)
	var err error
	if !ok {
		tree, err = s.build(ctx, s.store, want)
	}
	if err == nil {
		err = s.place(&tree)
	}
	if err != nil {
		return Tree{}, err
	}
	tree.oid = "" // do not pin the tag: the remote was not polled
	s.state.prepared = tree.rec.Place
	return tree, nil
}
