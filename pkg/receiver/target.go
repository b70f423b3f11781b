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

// Target is one synced repository: the pushes that it takes, and the actions that they cause.
type Target struct {
	// Name tells targets apart; "" for the only one.
	Name string
	// Provider is one of Providers; "" is "auto": found by each delivery's headers.
	Provider string
	// Secret returns the secret; it is called for each delivery. Required. See SecretFile.
	Secret func() ([]byte, error)
	// URL is the repository, in any form that git takes. Required. docs/webhooks.md describes how it is compared.
	URL string
	// Ref is the followed ref: a branch, a tag, a full hash, refs/..., or HEAD; "" is HEAD.
	Ref string
	// Match, when set, decides instead of Ref, by the ref's full name: for patterns of tags. Deletions count then, because
	// they may change which tag is the highest.
	Match func(ref string) bool
	// Trigger is called for each push that the target takes. Required; it must not block.
	Trigger func(Push)
	// Wait is called instead of Trigger for a delivery with ?wait=. Required. It triggers, and returns the published hash
	// when a sync that started after the call has ended, or an error, at the latest when ctx ends.
	Wait func(context.Context, Push) (hash string, err error)
}

// Push is one push, as the forge describes it.
type Push struct {
	// Repo holds the URLs and full names of the repository. Empty if a generic sender names none.
	Repo []string
	// Ref is the full name of the ref, or the short one if a generic sender sends that. Empty if the sender names none, or
	// more than are kept.
	Ref string
	// Before and After are the hashes of the ref, if the forge names them; zeros or nothing stand for no commit.
	Before, After string
	// Source is the forge, one of Providers.
	Source string
	// Deleted says that the ref is gone. Only targets with Match take such a push.
	Deleted bool
}

// ErrNoSecret says that there is no secret to verify senders with.
var ErrNoSecret = errors.New("no secret is configured for the receiver")

// Check returns what is missing or wrong in a target, Trigger and Wait aside. If the secret is empty, it is ErrNoSecret.
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

// takes says whether the target takes deliveries of a forge.
func (t Target) takes(forge string) bool {
	return t.Provider == "" || t.Provider == auto || t.Provider == forge || strings.HasPrefix(forge, t.Provider+"-")
}

// Providers are the names that Target.Provider takes: those of forges, and the part before a dash ("bitbucket"), which stands
// for all names that begin with it.
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

// take returns the push that a delivery is for the target, or the answer to a delivery that the target does not take.
func (t Target) take(f *forge, p payload, what relation) (Push, error) {
	push := Push{Repo: p.repos, Source: f.name}
	switch {
	case what == foreign:
		return push, ignored("the push is of %.200q, not of the followed %q", p.repos[0], placeOf(t.URL).path)
	case what == switched && (t.Ref == "" || t.Ref == "HEAD") && t.Match == nil:
		return push, nil
	case len(p.updates) == 0 && p.branch != "":
		return push, ignored("it names no ref, and no other default branch than before")
	}
	why := ""
	for _, u := range p.updates {
		reason := t.rejects(u, p.branch)
		if reason == "" {
			push.Ref, push.Before, push.After, push.Deleted = u.ref, u.before, u.after, u.deleted()
			return push, nil
		}
		why = cmp.Or(why, reason)
	}
	if p.more || why == "" {
		return push, nil // any ref may have been pushed
	}
	return push, ignored("the push is of %.200q: %s", p.updates[0].ref, why)
}

// maxSecret is the largest size of a secret's file: a larger one is the wrong file.
const maxSecret = 4096

// SecretFile returns a function for Target.Secret that reads a file each time, so that rotation needs no restart. White
// space at the end does not count. An empty file is ErrNoSecret.
func SecretFile(path string) func() ([]byte, error) {
	return func() ([]byte, error) {
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
}
