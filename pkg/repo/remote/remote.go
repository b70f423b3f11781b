package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/go-logr/logr"

	"git-sync/pkg/git"
)

// Poll says how the remote is polled.
type Poll string

// The values of Poll.
const (
	// PollPlain starts one process for each poll.
	PollPlain Poll = "plain"
	// PollPersistent keeps git's HTTP transport and its connection between polls. That needs memory for the process,
	// but hardly any CPU.
	PollPersistent Poll = "persistent"
)

// Options configures a Remote.
type Options struct {
	Git *git.Git
	Log logr.Logger
	Wanted
	// Config is the user's additional git configuration, already part of Git.
	Config []git.KV
	// Sharing says with which remotes polls are shared.
	Sharing Sharing
}

// Wanted says which commit of which repository to sync, and how to poll.
type Wanted struct {
	URL string // without user and password; a local path is absolute
	// Ref is a branch, a tag, a full hash, a name that begins with refs/, or
	// empty or "HEAD" for the remote's default branch.
	Ref string
	// Rev, if set, is a tag, or an abbreviated hash of a commit in the fetched history of Ref. It is used instead of
	// Ref.
	Rev string
	// RefPattern, a glob of tag names as in path.Match, and RefSemver, a range of versions, select the highest
	// matching tag instead of Ref.
	RefPattern, RefSemver string
	Poll                  Poll
}

// Remote is a remote repository. Only Expire may be called concurrently with other methods.
type Remote struct {
	opts Options
	*source
	used int64 // number of the last answer that this Remote has used
}

// Target is what a ref of the remote points to.
type Target struct {
	Commit string // hash; empty while it is not known
	OID    string // what the ref itself points to: the commit, or an annotated tag
	Name   string // full name of the ref on the remote; empty if a hash was asked for
	// Short, if set, is the abbreviated hash of the wanted commit, which is in the history of the ref.
	Short string
}

// Source returns what to fetch from the remote.
func (t Target) Source() string {
	if t.Name != "" {
		return t.Name
	}
	return t.OID
}

// IsBranch reports whether the ref can only point to a commit.
func (t Target) IsBranch() bool {
	return t.Name == "HEAD" || strings.HasPrefix(t.Name, headPrefix)
}

// IsTag reports whether the ref is a tag.
func (t Target) IsTag() bool { return strings.HasPrefix(t.Name, tagPrefix) }

// New returns the remote of o. It does not connect.
func New(o Options) *Remote {
	if o.Sharing.Pool == nil {
		o.Sharing.Pool = &Pool{}
	}
	r := &Remote{opts: o}
	r.source = o.Sharing.Pool.join(r)
	return r
}

// Guess returns what a first sync may fetch without polling the remote first, which saves a connection. That is a
// branch, unless the ref looks like a tag. A branch points to a commit, so it needs no peeling.
func (r *Remote) Guess() (Target, bool) {
	ref := r.opts.Ref
	if r.followsTags() || git.IsHash(ref) || r.opts.Rev != "" {
		return Target{}, false
	}
	if _, err := semver.NewVersion(ref); err == nil {
		return Target{}, false
	}
	t := Target{Name: candidates(ref)[0]}
	return t, t.IsBranch()
}

// Resolve polls the remote for the commit of the ref, with creds. For a full hash it does not poll, so the Target
// does not say whether the hash is an annotated tag's. Resolve blocks until ctx ends at the latest. An error caused
// by the remote or by git is a *git.Error.
func (r *Remote) Resolve(ctx context.Context, creds git.Overlay) (Target, error) {
	a, ref := asking{Remote: r, creds: creds}, r.opts.Ref
	if git.IsHash(ref) {
		return Target{Commit: ref, OID: ref}, nil
	}
	refs, err := a.refs(ctx, r.wants())
	if err != nil {
		return Target{}, err
	}
	if r.followsTags() {
		return r.highestTag(refs)
	}
	for _, name := range r.names() {
		if _, ok := refs[name]; ok {
			return r.revision(targetOf(refs, name))
		}
	}
	return Target{}, a.noSuchRef(ctx)
}

// names returns the full names that the ref may have on the remote, in order of preference.
func (r *Remote) names() []string {
	names := candidates(r.opts.Ref)
	if rev := r.opts.Rev; rev != "" {
		names = slices.Insert(names, 0, tagPrefix+strings.TrimPrefix(rev, tagPrefix))
	}
	return names
}

// wants returns the patterns of the refs that Resolve needs.
func (r *Remote) wants() []string {
	switch {
	case git.IsHash(r.opts.Ref):
		return nil
	case r.followsTags():
		return []string{r.tagPattern()}
	default:
		return patterns(r.names())
	}
}

// revision applies Rev, if set, to the ref found: the target is the tag Rev itself, or a commit in the ref's history.
func (r *Remote) revision(t Target) (Target, error) {
	rev := r.opts.Rev
	switch {
	case rev == "" || t.Name == r.names()[0]:
		return t, nil
	case len(rev) < shortest || strings.Trim(rev, "0123456789abcdefABCDEF") != "":
		return Target{}, notFound(rev)
	}
	t.Commit, t.Short = "", strings.ToLower(rev)
	return t, nil
}

// shortest is the least number of digits that git accepts as an abbreviated hash.
const shortest = 4

// Close ends the kept connection, unless another remote uses it.
func (r *Remote) Close() {
	if r.opts.Sharing.Pool.leave(r) {
		r.disconnect()
	}
}

func (s *source) disconnect() {
	if s.connection != nil {
		_ = s.connection.close() // no request is pending, or it is made again in another way
		s.connection = nil
	}
}

// asking is one Resolve, with its credentials.
type asking struct {
	*Remote
	creds git.Overlay
}

// targetOf returns the target of the ref called name.
func targetOf(refs map[string]string, name string) Target {
	t := Target{Name: name, OID: refs[name], Commit: refs[name]}
	if commit, ok := refs[name+peeled]; ok {
		t.Commit = commit
	}
	return t
}

// candidates returns the full names that ref may stand for, in order of preference. A branch comes before a tag of
// the same name, because the branch moves.
func candidates(ref string) []string {
	switch {
	case ref == "" || ref == "HEAD":
		return []string{"HEAD"}
	case strings.HasPrefix(ref, "refs/"):
		return []string{ref}
	case strings.Contains(ref, "/"): // for example heads/main
		return []string{"refs/heads/" + ref, "refs/tags/" + ref, "refs/" + ref}
	default:
		return []string{"refs/heads/" + ref, "refs/tags/" + ref}
	}
}

const (
	headPrefix = "refs/heads/"
	tagPrefix  = "refs/tags/"
	peeled     = "^{}" // suffix under which ls-remote lists the commit of an annotated tag
)

// patterns returns what to ask the remote for: full names, so that no other refs match, and the peeled name of each
// ref that may be an annotated tag.
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

// maxRefs limits the size of the refs that are read, in bytes: a few hundred thousand refs.
const maxRefs = 32 << 20

// ask asks the remote for the refs that match patterns. The result may contain other refs too.
func (a asking) ask(ctx context.Context, patterns []string) (map[string]string, error) {
	asked, kept := a.speaksV2(), a.connection
	if asked {
		refs, err := a.askV2(ctx, prefixes(patterns))
		if err == nil {
			return refs, nil
		}
		if git.KindOf(err) == git.KindNetwork {
			a.failed = true
			return nil, fmt.Errorf("asking the remote for its refs: %w", err) // git would wait as long again
		}
		a.opts.Log.V(1).Info("polling with git ls-remote", "reason", err.Error())
	}
	c := git.Cmd("ls-remote", "--quiet").MaxOutput(maxRefs).URL(a.opts.URL)
	res, err := a.opts.Git.With(a.creds).Run(ctx, c.Operand(a.opts.URL).Operand(patterns...))
	if a.failed = err != nil; err != nil {
		return nil, fmt.Errorf("asking the remote for its refs: %w", err)
	}
	if asked && kept == nil && a.sendsPassword() {
		a.rejectedAuth = a.creds.Authorization // there is a redirect, or the server wants another scheme than Basic
	}
	return parseRefs(res.Stdout)
}

// prefixes returns what to ask for by protocol v2, which peels tags itself.
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
		if !ok || !git.IsHash(hash) {
			return nil, fmt.Errorf("asking the remote for its refs: git printed %q", line)
		}
		refs[name] = hash
	}
	return refs, nil
}

var (
	errNoRef     = errors.New("the remote has no such ref")
	errNoDefault = errors.New("the remote's HEAD names a branch that it does not have")
)

// noSuchRef distinguishes a repository without the ref from an empty one.
func (a asking) noSuchRef(ctx context.Context) error {
	refs, err := a.refs(ctx, []string{"HEAD", "refs/heads/*"})
	if err == nil && len(refs) == 0 {
		return emptyRemote(a.opts.Ref)
	}
	failed := notFound(a.opts.Ref)
	if near := nearest(a.opts.Ref, refs); near != "" {
		failed.Hinted = "the remote has the branches " + near + ": " + failed.Hinted
	}
	return failed
}

// nearest lists some branches. Those with the longest common prefix with ref, or with its last part, come first.
func nearest(ref string, refs map[string]string) string {
	wanted := strings.ToLower(path.Base(ref))
	shared := func(name string) (n int) {
		for name = strings.ToLower(name); n < min(len(name), len(wanted)) && name[n] == wanted[n]; {
			n++
		}
		return n
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		if branch, ok := strings.CutPrefix(name, headPrefix); ok {
			names = append(names, branch)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return shared(b) - shared(a) })
	const most = 8
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

// notFound returns the error for a ref or commit that the remote does not have.
func notFound(ref string) *git.Error {
	e := &git.Error{
		Op: "ls-remote", Kind: git.KindRefNotFound, Err: fmt.Errorf("%w: %s", errNoRef, ref),
		Hinted: "check --ref (a branch, a tag, a full hash or refs/...); a short hash goes into --rev, next to a branch",
	}
	if candidates(ref)[0] == "HEAD" {
		e.Err, e.Hinted = errNoDefault, "choose one with --ref"
	}
	return e
}

func emptyRemote(ref string) error {
	err := fmt.Errorf("%w: %s; it may be empty", errNoRef, cmp.Or(ref, "HEAD"))
	return &git.Error{Op: "ls-remote", Kind: git.KindEmptyRemote, Err: err}
}
