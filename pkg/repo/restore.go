package repo

import (
	"cmp"
	"context"
	"path/filepath"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/remote"
)

// Restore is for a sync that has failed with cause. Where that means that the
// remote cannot be asked, and the published tree is damaged or gone, it makes
// the same commit's tree anew from what is in the store, which is then to be
// published. A tree that is not New says that there is nothing to do.
func (r *Repo) Restore(ctx context.Context, cause error) (Tree, error) {
	if !unreachable(cause) || ctx.Err() != nil {
		return Tree{}, nil
	}
	if err := r.enter(ctx); err != nil {
		return Tree{}, err
	}
	defer r.work.Unlock()
	r.check()
	if !r.restorable() {
		return Tree{}, nil
	}
	want, err := r.options()
	if err != nil {
		return Tree{}, err
	}
	want.Target = r.lost()
	return r.attempt(git.Overlay{Env: []string{"GIT_NO_LAZY_FETCH=1"}}).restore(ctx, want)
}

// unreachable reports whether a failure leaves open what the remote holds,
// unlike one that says that the ref is no more, or that has its cause here.
func unreachable(err error) bool {
	switch git.KindOf(err) {
	case git.KindNetwork, git.KindTLS, git.KindAuth, git.KindHostKey, git.KindRepoNotFound, git.KindRateLimited, git.KindServer,
		git.KindTimeout, git.KindKilled, git.KindLagging, git.KindDenied, git.KindProxy, git.KindFilter, git.KindUnknown:
		return true
	default:
		return false
	}
}

// restorable reports whether the published tree needs to be made anew, and the
// store may be fit for that.
func (r *Repo) restorable() bool {
	return r.state.condition.broken() && r.store.Usable() && !r.store.Corrupt && r.lostCommit() != ""
}

// lostCommit returns the commit that was published last, whether its tree is there
// or not; empty when that is not known.
func (r *Repo) lostCommit() string {
	rev, _ := r.Published()
	out, ok := r.outlet.Current()
	place, err := filepath.Rel(r.root, cmp.Or(out.Tree, out.Dir))
	if !ok || err != nil {
		return rev.Hash
	}
	return cmp.Or(r.commitAt(place, out.ID), rev.Hash)
}

// lost returns what was published last, as a target.
func (r *Repo) lost() remote.Target {
	commit := r.lostCommit()
	if asked := r.opts.Ref; git.IsHash(asked) {
		if byHash := r.knownCommit(remote.Target{Commit: asked, OID: asked}); byHash.Commit == commit {
			return byHash
		}
	}
	rev, _ := r.Published()
	return remote.Target{Commit: commit, OID: commit, Name: rev.Ref}
}

func (s attempt) restore(ctx context.Context, want target) (Tree, error) {
	if s.verifies() {
		// What was fetched last may be the signed tag of the commit.
		if head, err := s.store.Head(); err == nil && head != "" {
			if commit, err := s.store.Peel(ctx, s.git, head); err == nil && commit == want.Commit {
				want.OID = head
			}
		}
		if err := s.verifySignature(ctx, s.store, want); err != nil {
			return Tree{}, err
		}
	}
	defer s.rememberStore()
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
	tree.oid = "" // the remote was not asked: this is no moment to pin a tag
	s.state.prepared = tree.rec.Place
	return tree, nil
}
