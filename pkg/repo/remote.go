package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"git-sync/pkg/git"
)

// target is what a sync is to publish.
type target struct {
	commit string // hash; empty until it has been fetched, where the remote does not tell
	oid    string // what the ref itself holds: the commit, or an annotated tag
	name   string // full name of the ref on the remote; empty when asked for by hash
	recipe recipe
	sparse []byte
}

// source returns what to ask the remote for.
func (t target) source() string {
	if t.name != "" {
		return t.name
	}
	return t.oid
}

// guess returns what a first sync may fetch without asking for the remote's
// refs before, which saves a connection where there is nothing yet to compare
// them with: a branch, unless the ref looks like a tag. Commits are what
// branches hold, so that nothing has to be peeled either.
func (s session) guess(want target) (target, bool) {
	ref := s.opts.Ref
	if s.store.usable() || s.followsTags() || s.opts.RefPinned || isHash(ref) {
		return target{}, false
	}
	if _, err := semver.NewVersion(ref); err == nil {
		return target{}, false
	}
	want.name = candidates(ref)[0]
	return want, want.isBranch()
}

// isBranch reports whether the ref can hold nothing but a commit.
func (t target) isBranch() bool {
	return t.name == "HEAD" || strings.HasPrefix(t.name, headPrefix)
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

// resolve asks the remote which commit the ref is at, and fills it in: one git
// process. A full hash needs no asking.
func (s session) resolve(ctx context.Context, want target) (target, error) {
	ref := s.opts.Ref
	if isHash(ref) {
		return s.resolveHash(want, ref), nil
	}
	if s.followsTags() {
		return s.resolveTag(ctx, want)
	}
	names := candidates(ref)
	ask := names
	if s.rev.Ref == names[0] {
		ask = names[:1] // as long as it is there the others do not matter
	}
	found, err := s.find(ctx, ask, want)
	if err == nil && found.name == "" && len(ask) < len(names) {
		found, err = s.find(ctx, names, want)
	}
	if err == nil && found.name == "" {
		err = s.noSuchRef(ctx, ref)
	}
	return found, err
}

// find asks the remote for the first of names that is there; the name that it
// fills in is empty when there is none.
func (s session) find(ctx context.Context, names []string, want target) (target, error) {
	rows, err := s.lsRemote(ctx, patterns(names))
	if err != nil {
		return target{}, err
	}
	for _, name := range names {
		if oid, ok := rows[name]; ok {
			want.oid, want.commit, want.name = oid, oid, name
			return s.pinned(rows, want)
		}
	}
	return target{}, nil
}

// resolveHash is resolve for a full hash. That of an annotated tag is known to
// be one once a tree has been made for it.
func (s session) resolveHash(want target, hash string) target {
	want.oid, want.commit = hash, hash
	for _, rec := range s.records {
		if rec.Asked == hash {
			want.commit = rec.Hash
		}
	}
	return want
}

// candidates returns the full names that ref may stand for, best first. A
// branch comes before a tag of the same name: it is the one that moves.
func candidates(ref string) []string {
	switch {
	case ref == "" || ref == "HEAD":
		return []string{"HEAD"}
	case strings.HasPrefix(ref, "refs/"):
		return []string{ref}
	case strings.Contains(ref, "/"): // heads/main, say
		return []string{"refs/heads/" + ref, "refs/tags/" + ref, "refs/" + ref}
	default:
		return []string{"refs/heads/" + ref, "refs/tags/" + ref}
	}
}

// patterns returns what to ask the remote for: full names, so that no other ref
// matches, and for what may be an annotated tag its peeled name.
func patterns(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, name)
		if name != "HEAD" && !strings.HasPrefix(name, headPrefix) {
			list = append(list, name+peeled)
		}
	}
	return list
}

// maxRefs is how many bytes of refs are read, for those who follow tags: some
// hundred thousand of them.
const maxRefs = 32 << 20

// lsRemote returns the refs of the remote that match patterns, by one git
// process, or none where the transport is kept; it may return others as well.
func (s session) lsRemote(ctx context.Context, patterns []string) (map[string]string, error) {
	if s.overTransport() {
		rows, err := s.askTransport(ctx, prefixes(patterns))
		if err == nil {
			return rows, nil
		}
		s.log.V(1).Info("asking the remote by git ls-remote", "because", err.Error())
	}
	c := git.Cmd("ls-remote", "--quiet").MaxOutput(maxRefs)
	limitTo(c, patterns)
	res, err := s.git.Run(ctx, c.Operand(s.opts.URL).Operand(patterns...))
	if s.wary = err != nil; err != nil {
		return nil, fmt.Errorf("asking the remote for its refs: %w", err)
	}
	return parseRefs(res.Stdout)
}

const (
	headPrefix = "refs/heads/"
	peeled     = "^{}" // ends the name under which ls-remote lists what an annotated tag leads to
)

// limitTo has the server leave out what is neither a branch nor a tag, as the
// case may be: by options, though not by patterns, git tells it what to send.
func limitTo(c *git.Command, patterns []string) {
	heads := slices.ContainsFunc(patterns, func(p string) bool { return strings.HasPrefix(p, headPrefix) })
	tags := slices.ContainsFunc(patterns, func(p string) bool { return strings.HasPrefix(p, tagPrefix) })
	others := slices.ContainsFunc(patterns, func(p string) bool { return !strings.HasPrefix(p, headPrefix) && !strings.HasPrefix(p, tagPrefix) })
	if heads && !others {
		c.Arg("--heads")
	}
	if tags && !others {
		c.Arg("--tags")
	}
}

// prefixes returns what to ask by protocol v2, which peels tags by itself.
func prefixes(patterns []string) []string {
	var list []string
	for _, p := range patterns {
		if !strings.HasSuffix(p, peeled) {
			list = append(list, strings.TrimSuffix(p, "*"))
		}
	}
	return list
}

// parseRefs reads the output of ls-remote: "<hash>\t<ref>" a line.
func parseRefs(out string) (map[string]string, error) {
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		hash, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if !ok || !isHash(hash) {
			return nil, fmt.Errorf("asking the remote for its refs: git printed %q", line)
		}
		refs[name] = hash
	}
	return refs, nil
}

var errNoRef = errors.New("the remote has no such ref")

// noSuchRef tells a repository without the ref from one without any.
func (s session) noSuchRef(ctx context.Context, ref string) error {
	rows, err := s.lsRemote(ctx, []string{"HEAD", "refs/heads/*"})
	if err == nil && len(rows) == 0 {
		return remoteEmpty(ref)
	}
	return refNotFound(ref)
}

func refNotFound(ref string) error {
	return &git.Error{
		Op: "ls-remote", Kind: git.KindRefNotFound, Err: fmt.Errorf("%w: %s", errNoRef, ref),
		Hinted: "check --ref (a branch, a tag, a full hash or refs/...); a short hash is not enough",
	}
}

func remoteEmpty(ref string) error {
	if ref == "" {
		ref = "HEAD"
	}
	return &git.Error{
		Op: "ls-remote", Kind: git.KindEmptyRemote, Err: fmt.Errorf("%w: %s; it may be empty", errNoRef, ref),
		Hinted: "push a first commit; git-sync goes on asking",
	}
}
