package receiver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Target is one synced repository: the pushes that it takes, and the functions that they call.
type Target struct {
	// Name distinguishes targets; "" for the only one.
	Name string
	// Provider is one of Providers; "" means "auto": detected from the headers of each delivery.
	Provider string
	// Secret returns the secret. It is called for each delivery, so that rotation needs no restart. Required.
	Secret func() ([]byte, error)
	// URL is the repository, in any form that git accepts. Required. docs/webhooks.md describes how it is compared.
	URL string
	// Ref is the followed ref: a branch, a tag, a full hash, refs/..., or HEAD; "" is HEAD.
	Ref string
	// Match, if set, decides instead of Ref, by the full name of the ref: for patterns of tags. Then deletions are
	// taken too, because they may change which tag is the highest.
	Match func(ref string) bool
	// Trigger is called for each push that the target takes. Required; it must not block.
	Trigger func()
	// Wait is called instead of Trigger for a delivery with ?wait=. Required. It triggers a sync, and blocks until a
	// sync that started after the call has ended, or until ctx ends. It returns the published hash, or an error.
	Wait func(context.Context) (hash string, err error)
}

// ErrNoSecret says that there is no secret to verify senders.
var ErrNoSecret = errors.New("no secret is configured for the receiver")

// Check returns what is missing or wrong in a target, except Trigger and Wait. If the secret is empty, the error is
// ErrNoSecret.
func (t Target) Check() error {
	switch {
	case placeOf(t.URL).path == "" || t.Secret == nil:
		return errors.New("receiver needs a repository and a secret")
	case t.Provider != "" && !slices.Contains(Providers(), t.Provider):
		return fmt.Errorf("unknown webhook provider %q: use one of %s", t.Provider, strings.Join(Providers(), ", "))
	}
	_, err := t.secret()
	return err
}

func (t Target) secret() ([]byte, error) {
	secret, err := t.Secret()
	if err == nil && len(secret) == 0 {
		err = ErrNoSecret
	}
	return secret, err
}

// takes reports whether the target takes deliveries of a forge.
func (t Target) takes(forge string) bool {
	return t.Provider == "" || t.Provider == auto || t.Provider == forge || strings.HasPrefix(forge, t.Provider+"-")
}

// Providers returns the values of Target.Provider: the names of the forges, and the part before a dash ("bitbucket"),
// which means all names with that prefix.
func Providers() []string {
	names := []string{auto}
	for _, f := range forges() {
		if family, _, ok := strings.Cut(f.name, "-"); ok && !slices.Contains(names, family) {
			names = append(names, family)
		}
		names = append(names, f.name)
	}
	return names
}

// take returns the update for which the target takes a delivery, or the answer to a delivery that it does not take.
// The update is empty if another one may be the reason.
func (t Target) take(p payload, what relation) (update, error) {
	switch {
	case what == foreign:
		return update{}, ignored("the push is of %.200q, not of the followed %q; if it was renamed, set --repo to its new URL", p.repos, placeOf(t.URL).path)
	case what == switched && (t.Ref == "" || t.Ref == "HEAD") && t.Match == nil:
		return update{}, nil
	case len(p.updates) == 0 && p.branch != "":
		return update{}, ignored("it names no ref, and no other default branch than before")
	}
	why := ""
	for _, u := range p.updates {
		reason := t.rejects(u, p.branch)
		if reason == "" {
			return u, nil
		}
		why = cmp.Or(why, reason)
	}
	if p.more || why == "" {
		return update{}, nil // any ref may have been pushed
	}
	return update{}, ignored("the push is of %.200q: %s", p.updates[0].ref, why)
}

// maxSecret limits the size of a secret's file, in bytes: a larger one is the wrong file.
const maxSecret = 4096

// ReadSecret reads a secret from a file, for Target.Secret. It ignores white space at the end. If the file is empty, the
// error is ErrNoSecret.
func ReadSecret(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("receiver's secret: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	secret := bytes.TrimRight(content, " \t\r\n")
	switch {
	case err != nil:
	case len(content) > maxSecret:
		err = fmt.Errorf("%s is larger than %d bytes, which is too large for a secret", path, maxSecret)
	case len(secret) == 0:
		err = fmt.Errorf("%s: %w", path, ErrNoSecret)
	default:
		return secret, nil
	}
	return nil, fmt.Errorf("receiver's secret: %w", err)
}
