package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"git-sync/pkg/git"
)

const tagPrefix = "refs/tags/"

func (s session) followsTags() bool { return s.opts.RefPattern != "" || s.opts.RefSemver != "" }

// resolveTag asks the remote for its tags, by one git process, and chooses the
// highest that matches.
func (s session) resolveTag(ctx context.Context, want target) (target, error) {
	// A server that speaks protocol v2 sends only what begins like the pattern.
	literal, _, _ := strings.Cut(s.opts.RefPattern, "*")
	literal, _, _ = strings.Cut(literal, "?")
	literal, _, _ = strings.Cut(literal, "[")
	literal, _, _ = strings.Cut(literal, `\`)
	rows, err := s.lsRemote(ctx, []string{tagPrefix + literal + "*"})
	if err != nil {
		return target{}, err
	}
	var names []string
	for name := range rows {
		tag, ok := strings.CutPrefix(name, tagPrefix)
		if ok && !strings.HasSuffix(tag, "^{}") {
			names = append(names, tag)
		}
	}
	tag, err := highest(names, s.opts.RefPattern, s.opts.RefSemver)
	if err != nil {
		return target{}, err
	}
	want.name = tagPrefix + tag
	want.oid, want.commit = rows[want.name], rows[want.name]
	return s.pinned(rows, want)
}

// highest returns the highest of the tags that match the pattern, when given,
// and lie in the range, when given. Versions are ordered as semver.org says, a
// leading v aside; equal ones, and tags that are no versions, by name; versions
// come after what is none. Prereleases count when the range names one, or the
// pattern has a dash: when they are asked for.
func highest(tags []string, pattern, within string) (string, error) {
	var constraint *semver.Constraints
	if within != "" {
		c, err := semver.NewConstraint(within)
		if err != nil {
			return "", fmt.Errorf("reading the range %q: %w", within, err)
		}
		constraint = c
	}
	best, found := candidate{}, false
	for _, tag := range tags {
		c := candidate{name: tag}
		if v, err := semver.NewVersion(tag); err == nil {
			c.version = v
		}
		ok, err := c.matches(pattern, constraint)
		if err != nil {
			return "", err
		}
		if ok && (!found || best.less(c)) {
			best, found = c, true
		}
	}
	if !found {
		return "", &git.Error{
			Op: "ls-remote", Kind: git.KindRefNotFound, Err: fmt.Errorf("%w: none of its %d tags matches", errNoRef, len(tags)),
			Hinted: "check --ref-pattern and --ref-semver; prereleases have to be asked for, as in '>=2.0-0' or 'v2*-*'",
		}
	}
	return best.name, nil
}

// candidate is a tag, with its version if it is one.
type candidate struct {
	name    string
	version *semver.Version
}

func (c candidate) matches(pattern string, within *semver.Constraints) (bool, error) {
	if pattern != "" {
		ok, err := path.Match(pattern, c.name)
		if err != nil || !ok {
			return false, err
		}
	}
	if within != nil {
		return c.version != nil && within.Check(c.version), nil
	}
	return c.version == nil || c.version.Prerelease() == "" || strings.Contains(pattern, "-"), nil
}

// less is a total order: the same tags give the same choice, however the
// server lists them.
func (c candidate) less(d candidate) bool {
	switch {
	case c.version == nil && d.version == nil:
		return c.name < d.name
	case c.version == nil || d.version == nil:
		return c.version == nil
	}
	if order := c.version.Compare(d.version); order != 0 {
		return order < 0
	}
	return c.name < d.name
}

// pinsName is where a store remembers what its published tags held.
const pinsName = "pins.json"

// pins returns, by tag, what the published ones held. It fails when that cannot
// be read: a tag that is not known to be pinned could move.
func (st store) pins() (map[string]string, error) {
	data, err := os.ReadFile(st.own(pinsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the pinned tags: %w", err)
	}
	var pins map[string]string
	if json.Unmarshal(data, &pins) != nil || pins == nil {
		pins = map[string]string{} // absent, or not written whole: nothing is pinned yet
	}
	return pins, nil
}

func (st store) savePins(pins map[string]string) error {
	if len(pins) == 0 {
		return nil
	}
	if err := writeJSON(st.own(pinsName), pins, 0o666); err != nil {
		return err
	}
	return flush(st.dir) // a pin that a power cut takes would let a tag move
}

var errTagMoved = errors.New("the tag has moved")

// pinned completes t by the remote's rows, and refuses a tag that has moved
// since it was published when --ref-pinned says so.
func (s session) pinned(rows map[string]string, t target) (target, error) {
	if peeled, ok := rows[t.name+"^{}"]; ok {
		t.commit = peeled
	}
	if !s.opts.RefPinned || !strings.HasPrefix(t.name, tagPrefix) {
		return t, nil
	}
	pins, err := s.store.pins()
	if err != nil {
		return target{}, err
	}
	if was, ok := pins[t.name]; ok && was != t.oid {
		return target{}, &git.Error{
			Op: "ls-remote", Kind: git.KindRefused, Err: fmt.Errorf("%w: %s was published as %s and is now %s", errTagMoved, t.name, was, t.oid),
			Hinted: "put the tag back, make a new one, or drop --ref-pinned to follow it",
		}
	}
	return t, nil
}

// pin remembers what the tag held that t was published for.
func (r *Repo) pin(t Tree) error {
	if !r.opts.RefPinned || !strings.HasPrefix(t.Ref, tagPrefix) || t.oid == "" {
		return nil
	}
	pins, err := r.store.pins()
	if err != nil || pins[t.Ref] == t.oid {
		return err
	}
	pins[t.Ref] = t.oid
	if len(pins) > maxPins {
		for _, name := range slices.Sorted(maps.Keys(pins))[:len(pins)-maxPins] {
			if name != t.Ref {
				delete(pins, name)
			}
		}
	}
	return r.store.savePins(pins)
}

// maxPins bounds the tags remembered; a root sees one for each release.
const maxPins = 10000
