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
	VerifyCommit Verify = "commit" // the commit's
	VerifyTag    Verify = "tag"    // the annotated tag's that the ref is
	VerifyAny    Verify = "any"    // either
)

func (r *Repo) verifies() bool { return r.opts.Verify != "" && r.opts.Verify != VerifyOff }

// trusted reports whether want needs no signature, or has been found to have a
// good one by this process.
func (r *Repo) trusted(want target) bool { return !r.verifies() || r.state.signed == want.OID }

// verifySignature lets git check the signature of what is to be published. It
// is asked again at every sync until it is good: the keys may change.
func (s attempt) verifySignature(ctx context.Context, st *store.Store, want target) error {
	if s.trusted(want) {
		return nil
	}
	isTag := want.OID != want.Commit
	var errs []error
	if isTag && s.opts.Verify != VerifyCommit {
		errs = append(errs, s.signed(ctx, st, "verify-tag", want.OID))
	}
	if s.opts.Verify != VerifyTag {
		errs = append(errs, s.signed(ctx, st, "verify-commit", want.Commit))
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
	// One that could not be checked says more than one that is not signed.
	s.count(func(t *Stats) { t.Unverified++ })
	return errors.Join(errs...)
}

func (s attempt) signed(ctx context.Context, st *store.Store, how, object string) error {
	trust := s.opts.Trust
	trust.Home = st.Own("gnupg")
	verify := s.git.VerifyCommit
	if how == "verify-tag" {
		verify = s.git.VerifyTag
	}
	if err := verify(ctx, st.Dir(), object, trust); err != nil {
		return unsigned(object, err)
	}
	return nil
}

// errUnverified says that a revision has no signature that counts. It is not
// published; what was published stays.
var errUnverified = errors.New("has no good signature")

func unsigned(object string, err error) error {
	hint := "sign it, or add the signer's key to --verify-keyring or --verify-allowed-signers; the last good revision stays published"
	if keys, ok := errors.AsType[*git.Error](err); ok && keys.Hinted != "" {
		hint = keys.Hinted
	}
	return advice.With(fmt.Errorf("%s %w: %w", object, errUnverified, err), hint)
}
