package repo

import (
	"context"
	"errors"
	"fmt"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
	"git-sync/pkg/repo/store"
)

// Verify says which signature a revision needs to be published.
type Verify string

// The values of Verify.
const (
	VerifyOff    Verify = "off"
	VerifyCommit Verify = "commit" // the commit must be signed
	VerifyTag    Verify = "tag"    // the ref must be a signed annotated tag
	VerifyAny    Verify = "any"    // either is enough
)

func (r *Repo) verifies() bool { return r.opts.Verify != "" && r.opts.Verify != VerifyOff }

// trusted reports whether want needs no signature, or this process has found a good one.
func (r *Repo) trusted(want target) bool { return !r.verifies() || r.state.signed == want.OID }

// verifySignature verifies the signature of what is about to be published. Each sync repeats this until the signature
// is good, because the keys may change.
func (s attempt) verifySignature(ctx context.Context, st *store.Store, want target) error {
	if s.trusted(want) {
		return nil
	}
	isTag := want.OID != want.Commit
	var errs []error
	if isTag && s.opts.Verify != VerifyCommit {
		errs = append(errs, s.signed(ctx, st, want.OID, s.git.VerifyTag))
	}
	if s.opts.Verify != VerifyTag {
		errs = append(errs, s.signed(ctx, st, want.Commit, s.git.VerifyCommit))
	}
	if len(errs) == 0 {
		errs = append(errs, unsigned(want.Source(), errors.New("it is not an annotated tag, and --verify=tag asks for a signed one")))
	}
	for _, err := range errs {
		if err == nil {
			s.state.signed = want.OID
			return nil
		}
	}
	// Report all errors: a signature that could not be checked says more than a missing one.
	s.count(func(t *Stats) { t.Unverified++ })
	return errors.Join(errs...)
}

// verifier is a method of git.Git.
type verifier func(ctx context.Context, dir, object string, trust git.Trust) error

func (s attempt) signed(ctx context.Context, st *store.Store, object string, verify verifier) error {
	trust := s.opts.Trust
	trust.Home = st.Own("gnupg")
	if err := verify(ctx, st.Dir(), object, trust); err != nil {
		return unsigned(object, err)
	}
	return nil
}

// errUnverified says that a revision has no trusted signature. It is not published, and the published revision stays.
var errUnverified = errors.New("has no good signature")

func unsigned(object string, err error) error {
	hint := "sign it, or add the signer's key to --verify-keyring or --verify-allowed-signers; a revision without a good signature is not published"
	if keys, ok := errors.AsType[*git.Error](err); ok && keys.Hinted != "" {
		hint = keys.Hinted
	}
	return advice.With(fmt.Errorf("%s %w: %w", object, errUnverified, err), hint)
}
