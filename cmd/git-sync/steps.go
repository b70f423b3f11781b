package main

import (
	"context"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/pkg/repo"
	"git-sync/pkg/syncer"
)

// steps are a sync's, made of credentials and a root. The loop calls them one at a time.
type steps struct {
	auth     *auth.Auth
	repo     *repo.Repo
	progress func() // ends the progress line

	creds    git.Overlay // of the sync under way
	prepared repo.Tree   // or restored, by the sync under way
}

func (s *steps) Refresh(ctx context.Context) error {
	creds, err := s.auth.Refresh(ctx)
	s.creds = creds
	return err
}

func (s *steps) Prepare(ctx context.Context) (syncer.Tree, error) {
	defer s.progress()
	tree, err := s.prepare(ctx)
	if err != nil {
		if git.KindOf(err) == git.KindAuth {
			s.auth.Rejected()
		}
		return syncer.Tree{}, s.auth.Explain(err)
	}
	s.prepared = tree
	return treeOf(tree), nil
}

// prepare makes the tree. That a connection which was kept has broken is no failure of the remote's: then there is another try
// without it.
func (s *steps) prepare(ctx context.Context) (repo.Tree, error) {
	tree, err := s.repo.Prepare(ctx, s.creds)
	if err == nil || !s.auth.Stale(err) || s.Refresh(ctx) != nil {
		return tree, err
	}
	return s.repo.Prepare(ctx, s.creds)
}

func (s *steps) Restore(ctx context.Context, cause error) (syncer.Tree, error) {
	defer s.progress()
	tree, err := s.repo.Restore(ctx, cause)
	s.prepared = tree
	return treeOf(tree), err
}

func (s *steps) Publish(ctx context.Context, _ syncer.Tree) (syncer.Tree, error) {
	tree, err := s.repo.Publish(ctx, s.prepared)
	return treeOf(tree), err
}

func treeOf(t repo.Tree) syncer.Tree {
	return syncer.Tree{Hash: t.Hash, Ref: t.Ref, Path: t.Path, New: t.New}
}

func (s *steps) Clean(ctx context.Context) error { return s.repo.Clean(ctx) }

func (s *steps) Settle(ctx context.Context) error { return s.repo.Settle(ctx) }

func (s *steps) Published() (syncer.Revision, bool) {
	rev, ok := s.repo.Published()
	return syncer.Revision{Hash: rev.Hash, Since: rev.Since, Unfit: rev.Unfit}, ok
}

func (s *steps) Fetches() int { return s.repo.Stats().Fetches }
