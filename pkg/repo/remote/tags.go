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

// tagPattern returns a pattern for all tags that may be chosen. A server with protocol v2 sends only tags with this
// prefix.
func (r *Remote) tagPattern() string {
	literal := r.opts.RefPattern
	if i := strings.IndexAny(literal, `*?[\`); i >= 0 {
		literal = literal[:i]
	}
	return tagPrefix + literal + "*"
}

// highestTag returns the highest matching tag of the remote.
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

// highest returns the highest tag that matches the pattern and is in the range; both may be empty. Versions are
// ordered as in semver.org, and may begin with v. Equal versions, and tags that are not versions, are ordered by
// name. Versions are higher than other tags. Prereleases count only if the range names one, or if the pattern
// contains a dash.
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
			Op: "ls-remote", Kind: git.KindRefNotFound, Err: fmt.Errorf("%w: no tag matches %q", errNoRef, strings.TrimSpace(pattern+" "+within)),
			Hinted: "check --ref-pattern and --ref-semver; prereleases have to be asked for, as in '>=2.0-0' or 'v2*-*'",
		}
	}
	return slices.MaxFunc(matching, candidate.compare).name, nil
}

// candidate is a tag, with its version if it has one.
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

// compare is a total order: the same tags give the same result, in whatever order the server lists them.
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
