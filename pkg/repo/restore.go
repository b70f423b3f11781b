package repo

import (
	"context"
	"errors"
	"io/fs"
	"os"

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
	r.look()
	if !r.restorable() {
		return Tree{}, nil
	}
	sparse, err := r.sparsePatterns()
	if err != nil {
		return Tree{}, err
	}
	s := r.session(git.Overlay{Env: []string{"GIT_NO_LAZY_FETCH=1"}})
	return s.restore(ctx, s.lost(target{recipe: r.recipe(sparse), sparse: sparse}))
}

// unreachable reports whether a failure leaves open what the remote holds,
// unlike one that says that the ref is no more, or that has its cause here.
func unreachable(err error) bool {
	switch git.KindOf(err) {
	case git.KindNetwork, git.KindTLS, git.KindAuth, git.KindHostKey, git.KindRepoNotFound, git.KindRateLimited, git.KindServer,
		git.KindTimeout, git.KindKilled, git.KindDenied, git.KindFilter, git.KindUnknown:
		return true
	default:
		return false
	}
}

// restorable reports whether the published tree needs to be made anew, and the
// store may be fit for that.
func (r *Repo) restorable() bool {
	if !r.condition.broken() || !r.store.usable() || r.corrupt {
		return false
	}
	_, known := r.linked()
	return known
}

// linked returns the commit that the link names, whether its tree is there or
// not. Where the link itself is gone it is what was seen there last.
func (r *Repo) linked() (hash string, ok bool) {
	name, err := os.Readlink(r.link)
	if errors.Is(err, fs.ErrNotExist) {
		return r.rev.Hash, r.rev.Hash != ""
	}
	if err != nil {
		return "", false
	}
	return hashOfTarget(name)
}

// lost completes want by what was published last.
func (s session) lost(want target) target {
	hash, _ := s.linked()
	if asked := s.opts.Ref; git.IsHash(asked) {
		if byHash := s.knownCommit(remote.Target{Commit: asked, OID: asked}); byHash.Commit == hash {
			want.Target = byHash
			return want
		}
	}
	want.Target = remote.Target{Commit: hash, OID: hash, Name: s.rev.Ref}
	return want
}

func (s session) restore(ctx context.Context, want target) (Tree, error) {
	if s.verifies() {
		// What was fetched last may be the signed tag of the commit.
		if head, err := s.store.ref(headRef); err == nil && head != "" {
			if commit, err := s.peel(ctx, s.store, head); err == nil && commit == want.Commit {
				want.OID = head
			}
		}
		if err := s.verifySignature(ctx, s.store, want); err != nil {
			return Tree{}, err
		}
	}
	s.tidied = false
	defer s.remember()
	tree, err := s.tree(ctx, s.store, want)
	if err == nil {
		err = s.place(&tree)
	}
	if err != nil {
		return Tree{}, err
	}
	tree.oid = "" // the remote was not asked: this is no moment to pin a tag
	s.prepared = tree.rel
	return tree, nil
}
