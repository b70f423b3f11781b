package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-logr/logr"

	"git-sync/pkg/git"
)

// Poll says how the remote is asked.
type Poll string

// The values of Poll.
const (
	// PollPlain asks by one process a poll.
	PollPlain Poll = "plain"
	// PollPersistent keeps git's HTTP transport running between polls, and with
	// it the connection. It costs its memory, and next to no CPU.
	PollPersistent Poll = "persistent"
)

// Options say what to ask for.
type Options struct {
	Git *git.Git
	Log logr.Logger
	URL string // without user and password
	// Ref is a branch, a tag, a full hash, a name that begins with refs/, or
	// empty or "HEAD" for the remote's default branch.
	Ref string
	// Rev, if set, is asked for instead: a tag, or the beginning of the hash of a
	// commit in the history of Ref.
	Rev string
	// RefPattern, a glob of tag names as path.Match has it, and RefSemver, a
	// range of versions, choose the highest matching tag instead of Ref.
	RefPattern, RefSemver string
	Poll                  Poll
	// Config is the user's extra git configuration, already part of Git.
	Config []git.KV
}

// Remote is a remote repository. Its methods are called one at a time.
type Remote struct {
	opts       Options
	connection *connection // kept between polls; nil when there is none
	gitOnly    bool        // the server does not speak protocol v2, or only git knows how to connect
	failed     bool        // the last poll failed: git ls-remote makes the next one
	useless    string      // an Authorization that the server does not take when it has not asked for it
}

// Target is what a ref of the remote is at.
type Target struct {
	Commit string // hash; empty while it is not known
	OID    string // what the ref itself holds: the commit, or an annotated tag
	Name   string // full name of the ref on the remote; empty when asked for by hash
	// Short, if set, is the beginning of the hash of the commit that is wanted, which
	// is in the history of the ref.
	Short string
}

// Source returns what a fetch asks the remote for.
func (t Target) Source() string {
	if t.Name != "" {
		return t.Name
	}
	return t.OID
}

// IsBranch reports whether the ref can hold nothing but a commit.
func (t Target) IsBranch() bool {
	return t.Name == "HEAD" || strings.HasPrefix(t.Name, headPrefix)
}

// IsTag reports whether the ref is a tag.
func (t Target) IsTag() bool { return strings.HasPrefix(t.Name, tagPrefix) }

// New returns the remote of o. It asks nothing yet.
func New(o Options) *Remote { return &Remote{opts: o} }

// Resolve asks the remote which commit the ref is at, with creds. As long as
// the remote has lastName, the name found last, no other is asked for. A full
// hash needs no asking; its Target does not know yet whether it is an annotated
// tag's. Resolve blocks until ctx ends at most; an error is a *git.Error
// if the remote, or git, is its cause.
func (r *Remote) Resolve(ctx context.Context, creds git.Overlay, lastName string) (Target, error) {
	a := asking{Remote: r, creds: creds}
	ref := r.opts.Ref
	if git.IsHash(ref) {
		return Target{Commit: ref, OID: ref}, nil
	}
	if r.followsTags() {
		return a.highestTag(ctx)
	}
	if r.opts.Rev != "" {
		return a.revision(ctx)
	}
	names := candidates(ref)
	first := names
	if lastName == names[0] {
		first = names[:1]
	}
	found, err := a.find(ctx, first)
	if err == nil && found.Name == "" && len(first) < len(names) {
		found, err = a.find(ctx, names)
	}
	if err == nil && found.Name == "" {
		err = a.noSuchRef(ctx)
	}
	return found, err
}

// revision asks for the tag Rev, or for the ref whose history has the commit Rev.
func (a asking) revision(ctx context.Context) (Target, error) {
	rev := a.opts.Rev
	tag := tagPrefix + strings.TrimPrefix(rev, tagPrefix)
	t, err := a.find(ctx, append([]string{tag}, candidates(a.opts.Ref)...))
	switch {
	case err != nil || t.Name == tag:
		return t, err
	case t.Name == "":
		return t, a.noSuchRef(ctx)
	case len(rev) < shortest || strings.Trim(rev, "0123456789abcdefABCDEF") != "":
		return Target{}, NotFound(rev)
	}
	t.Commit, t.Short = "", strings.ToLower(rev)
	return t, nil
}

// shortest is how many digits of a hash git takes for one.
const shortest = 4

// Close ends the connection that is kept, if there is one.
func (r *Remote) Close() {
	if r.connection != nil {
		_ = r.connection.close() // what it was asked it has answered, or is asked again in another way
		r.connection = nil
	}
}

// asking is one Resolve, with its credentials.
type asking struct {
	*Remote
	creds git.Overlay
}

// find asks the remote for the first of names that it has; the Target has no
// name when there is none.
func (a asking) find(ctx context.Context, names []string) (Target, error) {
	refs, err := a.refs(ctx, patterns(names))
	if err != nil {
		return Target{}, err
	}
	for _, name := range names {
		if _, ok := refs[name]; ok {
			return targetOf(refs, name), nil
		}
	}
	return Target{}, nil
}

// targetOf returns what name is at.
func targetOf(refs map[string]string, name string) Target {
	t := Target{Name: name, OID: refs[name], Commit: refs[name]}
	if commit, ok := refs[name+peeled]; ok {
		t.Commit = commit
	}
	return t
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

const (
	headPrefix = "refs/heads/"
	tagPrefix  = "refs/tags/"
	peeled     = "^{}" // ends the name under which ls-remote lists the commit of an annotated tag
)

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

// maxRefs is how many bytes of refs are read: some hundred thousand of them.
const maxRefs = 32 << 20

// refs returns the refs of the remote that match patterns, and maybe others.
func (a asking) refs(ctx context.Context, patterns []string) (map[string]string, error) {
	asked, kept := a.speaksV2(), a.connection
	if asked {
		refs, err := a.askV2(ctx, prefixes(patterns))
		if err == nil {
			return refs, nil
		}
		a.opts.Log.V(1).Info("asking the remote by git ls-remote", "because", err.Error())
	}
	c := git.Cmd("ls-remote", "--quiet").MaxOutput(maxRefs).URL(a.opts.URL)
	res, err := a.opts.Git.With(a.creds).Run(ctx, c.Operand(a.opts.URL).Operand(patterns...))
	if a.failed = err != nil; err != nil {
		return nil, fmt.Errorf("asking the remote for its refs: %w", err)
	}
	if asked && kept == nil && a.sendsPassword() {
		a.useless = a.creds.Authorization // there is a redirect, or another scheme than Basic
	}
	return parseRefs(res.Stdout)
}

// prefixes returns what to ask for by protocol v2, which peels tags by itself.
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

var errNoRef = errors.New("the remote has no such ref")

// noSuchRef tells a repository without the ref from one without any.
func (a asking) noSuchRef(ctx context.Context) error {
	refs, err := a.refs(ctx, []string{"HEAD", "refs/heads/*"})
	if err == nil && len(refs) == 0 {
		return emptyRemote(a.opts.Ref)
	}
	return NotFound(a.opts.Ref)
}

// NotFound is the error of a remote that has no such ref or commit.
func NotFound(ref string) error {
	return &git.Error{
		Op: "ls-remote", Kind: git.KindRefNotFound, Err: fmt.Errorf("%w: %s", errNoRef, ref),
		Hinted: "check --ref (a branch, a tag, a full hash or refs/...); a short hash goes into --rev, next to a branch",
	}
}

func emptyRemote(ref string) error {
	if ref == "" {
		ref = "HEAD"
	}
	return &git.Error{
		Op: "ls-remote", Kind: git.KindEmptyRemote, Err: fmt.Errorf("%w: %s; it may be empty", errNoRef, ref),
		Hinted: "push a first commit; git-sync goes on asking",
	}
}
