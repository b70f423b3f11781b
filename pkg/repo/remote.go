package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

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

// resolve asks the remote which commit the ref is at: one git process. A full
// hash needs no asking.
func (s session) resolve(ctx context.Context) (target, error) {
	ref := s.opts.Ref
	if fullHash.MatchString(ref) {
		return s.resolveHash(ref), nil
	}
	if s.followsTags() {
		return s.resolveTag(ctx)
	}
	rows, err := s.lsRemote(ctx, patterns(ref))
	if err != nil {
		return target{}, err
	}
	for _, name := range candidates(ref) {
		oid, ok := rows[name]
		if !ok {
			continue
		}
		return s.pinned(rows, target{oid: oid, commit: oid, name: name})
	}
	return target{}, s.noSuchRef(ctx, ref)
}

// resolveHash is resolve for a full hash. That of an annotated tag is known to
// be one once a tree has been made for it.
func (s session) resolveHash(hash string) target {
	t := target{oid: hash, commit: hash}
	for _, rec := range s.records {
		if rec.Asked == hash {
			t.commit = rec.Hash
		}
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

// patterns returns the arguments of ls-remote: full names, by which a server
// that speaks protocol v2 sends those refs alone, and for what may be an
// annotated tag its peeled name.
func patterns(ref string) []string {
	var list []string
	for _, name := range candidates(ref) {
		list = append(list, name)
		if name != "HEAD" && !strings.HasPrefix(name, "refs/heads/") {
			list = append(list, name+"^{}")
		}
	}
	return list
}

// maxRefs is how many bytes of refs are read, for those who follow tags: some
// hundred thousand of them.
const maxRefs = 32 << 20

// lsRemote returns the refs of the remote that match patterns.
func (s session) lsRemote(ctx context.Context, patterns []string) (map[string]string, error) {
	if s.persistent() {
		prefixes := make([]string, len(patterns))
		for i, p := range patterns {
			prefixes[i] = strings.TrimSuffix(p, "*")
		}
		rows, err := s.askTransport(ctx, prefixes)
		if err == nil {
			return rows, nil
		}
		s.log.V(1).Info("asking the remote the plain way", "because", err.Error())
	}
	res, err := s.git.Run(ctx, git.Cmd("ls-remote", "--quiet").MaxOutput(maxRefs).Operand(s.opts.URL).Operand(patterns...))
	if err != nil {
		return nil, fmt.Errorf("asking the remote for its refs: %w", err)
	}
	return parseRefs(res.Stdout)
}

// parseRefs reads the output of ls-remote: "<hash>\t<ref>" a line.
func parseRefs(out string) (map[string]string, error) {
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		hash, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if !ok || !fullHash.MatchString(hash) {
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
