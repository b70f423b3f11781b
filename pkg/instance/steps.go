package instance

import (
	"context"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/pkg/repo"
)

// steps are the steps of a sync, with credentials and a root. The loop calls them one at a time.
type steps struct {
	*repo.Repo
	auth     *auth.Auth
	progress func() // ends the progress line

	creds git.Overlay // of the current sync
}

// Refresh makes the credentials usable.
func (s *steps) Refresh(ctx context.Context) error {
	creds, err := s.auth.Refresh(ctx)
	s.creds = creds
	return err
}

// Prepare polls the remote and makes the tree of the ref's commit.
func (s *steps) Prepare(ctx context.Context) (repo.Tree, error) {
	defer s.progress()
	tree, err := s.Repo.Prepare(ctx, s.creds)
	if git.KindOf(err) == git.KindAuth {
		s.auth.Rejected()
	}
	return tree, s.auth.Explain(err)
}

// Restore makes the published tree again, without the remote.
func (s *steps) Restore(ctx context.Context, cause error) (repo.Tree, error) {
	defer s.progress()
	return s.Repo.Restore(ctx, cause)
}
