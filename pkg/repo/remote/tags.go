package remote

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"git-sync/pkg/git"
)

func (r *Remote) followsTags() bool { return r.opts.RefPattern != "" || r.opts.RefSemver != "" }

// tagPattern matches all tags that may be chosen. A server that speaks protocol v2 sends only what begins like it.
func (r *Remote) tagPattern() string {
	literal := r.opts.RefPattern
	if i := strings.IndexAny(literal, `*?[\`); i >= 0 {
		literal = literal[:i]
	}
	return tagPrefix + literal + "*"
}

// highestTag chooses the highest of the remote's tags that matches.
func (r *Remote) highestTag(refs map[string]string) (Target, error) {
	var names []string
	for name := range refs {
		tag, ok := strings.CutPrefix(name, tagPrefix)
		if ok && !strings.HasSuffix(tag, peeled) {
			names = append(names, tag)
		}
	}
	tag, err := highest(names, r.opts.RefPattern, r.opts.RefSemver)
	if err != nil {
		return Target{}, err
	}
	return targetOf(refs, tagPrefix+tag), nil
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
	var matching []candidate
	for _, tag := range tags {
		c := candidate{name: tag}
		if v, err := semver.NewVersion(tag); err == nil {
			c.version = v
		}
		ok, err := c.matches(pattern, constraint)
		if err != nil {
			return "", err
		}
		if ok {
			matching = append(matching, c)
		}
	}
	if len(matching) == 0 {
		return "", &git.Error{
			Op: "ls-remote", Kind: git.KindRefNotFound, Err: fmt.Errorf("%w: none of its %d tags matches", errNoRef, len(tags)),
			Hinted: "check --ref-pattern and --ref-semver; prereleases have to be asked for, as in '>=2.0-0' or 'v2*-*'",
		}
	}
	return slices.MaxFunc(matching, candidate.compare).name, nil
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

// compare is a total order: the same tags give the same choice, however the
// server lists them.
func (c candidate) compare(d candidate) int {
	switch {
	case c.version != nil && d.version != nil:
		return cmp.Or(c.version.Compare(d.version), strings.Compare(c.name, d.name))
	case c.version != nil:
		return 1
	case d.version != nil:
		return -1
	}
	return strings.Compare(c.name, d.name)
}
