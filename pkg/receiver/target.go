package receiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Target is one synced repository: whose pushes it takes, and what comes of them.
type Target struct {
	// Name is what distinguishes targets; "" for the only one.
	Name string
	// Provider is one of Providers, or "auto" or "": found out by each delivery's headers.
	Provider string
	// Secret gives the secret, for each delivery; see SecretFile. Required.
	Secret func() ([]byte, error)
	// URL is the repository, in any form that git takes. Required. How it is compared is described in docs/webhooks.md.
	URL string
	// Ref is what is followed: a branch, a tag, a full hash, refs/..., or HEAD, which is what
	// "" means.
	Ref string
	// Match, when set, decides instead, given the ref's full name: for patterns of tags. Deletions
	// count then, because they may change which tag is the highest.
	Match func(ref string) bool
	// AllowSHA1 takes GitHub deliveries that are signed with HMAC-SHA1 alone.
	AllowSHA1 bool
	// Trigger is called for each push that the target takes. Required; it must not block.
	Trigger func(Push)
	// Wait, when set, is called instead of Trigger for a delivery that asks for ?wait=. It
	// triggers, and returns when a sync that started after the call has ended: with
	// the published hash, or why there is none, at the latest when ctx ends.
	Wait func(context.Context, Push) (hash string, err error)
}

// Check says what is missing or wrong in a target; without a secret it is ErrNoSecret.
func (t Target) Check() error {
	if t.Secret == nil {
		return ErrNoSecret
	}
	secret, err := t.Secret()
	switch {
	case err != nil:
		return err
	case len(secret) == 0:
		return ErrNoSecret
	case placeOf(t.URL).path == "":
		return errors.New("receiver needs a repository")
	case !slices.ContainsFunc(forges(), func(f forge) bool { return t.takes(f.name) }):
		return fmt.Errorf("unknown provider %q of pushes: one of %s", t.Provider, strings.Join(Providers(), ", "))
	}
	return nil
}

// takes says whether deliveries of a forge are accepted.
func (t Target) takes(forge string) bool {
	return t.Provider == "" || t.Provider == auto || t.Provider == forge || strings.HasPrefix(forge, t.Provider+"-")
}

// follows says of an update why it is not what the target follows, "" if it is.
func (t Target) follows(u update, defaultBranch string) string {
	if t.Match != nil {
		return matchFunc(t.Match, u)
	}
	return matchRef(t.Ref, u, defaultBranch)
}

// Providers are the names that Target.Provider takes. The beginning of a name
// up to a dash ("bitbucket") is good for all that begin with it.
func Providers() []string {
	names := []string{auto}
	for _, f := range forges() {
		names = append(names, f.name)
	}
	return names
}
