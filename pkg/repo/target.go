package repo

import (
	"context"
	"errors"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/remote"
)

// target is what a sync is to publish.
type target struct {
	remote.Target
	recipe recipe
	sparse []byte
}

// guess returns what a first sync may fetch without asking the remote first:
// there is nothing yet to compare its refs with.
func (s session) guess(want target) (target, bool) {
	if s.store.usable() || s.opts.RefPinned {
		return want, false
	}
	var ok bool
	want.Target, ok = s.remote.Guess()
	return want, ok
}

// guessedWrong reports whether a fetch may have failed because there is no such
// branch, or because the repository is of another object format than assumed.
func guessedWrong(err error) bool {
	var failed *git.Error
	if !errors.As(err, &failed) || failed.Op != "fetch" {
		return false
	}
	switch failed.Kind {
	case git.KindRefNotFound, git.KindEmptyRemote, git.KindUnsupported, git.KindUnknown:
		return true
	default:
		return false
	}
}

// ask asks the remote which commit the ref is at. It leaves half of the time to
// Restore, where that may be needed: a remote may be silent until the time is up.
func (s session) ask(ctx context.Context, want target) (target, error) {
	if s.restorable() {
		limited, cancel := s.half(ctx)
		defer cancel()
		ctx = limited
	}
	t, err := s.remote.Resolve(ctx, s.creds, s.rev.Ref)
	if err == nil {
		err = s.checkPin(t)
	}
	if err != nil {
		return target{}, err
	}
	want.Target = s.knownCommit(t)
	return want, nil
}

// knownCommit completes a target that was asked for by hash: that of an
// annotated tag is known to be one once a tree has been made for it.
func (s session) knownCommit(t remote.Target) remote.Target {
	for _, rec := range s.records {
		if t.Name == "" && rec.Asked == t.OID {
			t.Commit = rec.Hash
		}
	}
	return t
}
