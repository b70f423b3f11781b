package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"git-sync/pkg/git"
)

// fetch fetches refspecs into st. If the remote does not support what the options ask for, it fetches in another way.
// It blocks as long as the network takes.
func (st *Store) fetch(ctx context.Context, g *git.Git, f fetchOptions) error {
	if err := st.HealLocks(); err != nil {
		return err
	}
	err := st.fetchOnce(ctx, g, f)
	if git.KindOf(err) == git.KindLagging {
		err = st.fetchOnce(ctx, g, f) // a replica may lag behind: ask once more
	}
	if git.KindOf(err) == git.KindLazy {
		// The remote sent deltas against files that the partial clone does not have.
		f.lazy = true
		err = st.fetchOnce(ctx, g, f)
	}
	if f.depth > 0 && git.KindOf(err) == git.KindDepth {
		if !st.opts.noShallow {
			st.opts.Log.Info("remote has no shallow clones, fetching all history", "hint", "--depth=0 saves the attempt")
		}
		st.opts.noShallow, f.depth = true, 0
		err = st.fetchOnce(ctx, g, f)
	}
	return err
}

func (st *Store) fetchOnce(ctx context.Context, g *git.Git, f fetchOptions) error {
	c := git.Cmd("fetch", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--update-shallow").GitDir(st.Dir()).URL(st.url)
	switch {
	case f.depth > 0:
		c.Opt("--depth=", strconv.Itoa(f.depth))
	case st.shallow():
		c.Arg("--unshallow")
	}
	remote := st.url
	if st.Meta.Filter != "" {
		c.Opt("--filter=", st.Meta.Filter)
		remote = "origin" // git applies a filter only for a configured remote
	}
	if !f.lazy {
		// Some remotes cannot send single objects, for example a web server with files. Then each lazy fetch would
		// start another one.
		c.Env("GIT_NO_LAZY_FETCH=1")
	}
	if st.opts.Progress != nil {
		c.Arg("--progress").Progress(st.opts.Progress)
	}
	if f.prune {
		c.Arg("--prune")
	}
	if f.untrusted {
		// Forbid the transports that git reserves for URLs from the user.
		c.Env("GIT_PROTOCOL_FROM_USER=0")
	}
	res, err := g.Run(ctx, c.Operand(remote).Operand(f.refspecs...))
	if err != nil {
		// A killed git leaves partial files. After many attempts they would fill the disk.
		return errors.Join(err, st.healObjects())
	}
	if res.FilterIgnored && !st.opts.noFilter {
		st.opts.noFilter = true
		st.opts.Log.Info("remote has no partial clones, fetching all objects", "hint", "--filter has no effect on this remote")
	}
	st.opts.Fetched()
	return nil
}

type fetchOptions struct {
	depth     int
	refspecs  []string
	lazy      bool // git may start further fetches for objects that a partial clone lacks
	untrusted bool // the URL comes from the synced repository
	prune     bool // first remove refs that the remote no longer has: a directory of refs may have such a name now
}

// Obtain fetches source, the full name of a ref or a hash, unless the store has it already. oid is the last known
// value of the ref. Obtain returns the present value, which may be newer.
func (st *Store) Obtain(ctx context.Context, g *git.Git, source, oid string) (string, error) {
	if err := st.configure(); err != nil {
		return "", err
	}
	head, err := st.Head()
	if err != nil || head == oid && head != "" && st.Meta.Depth == st.opts.Depth {
		return head, err
	}
	if err := st.fetchOne(ctx, g, source, headRef, fetchOptions{}); err != nil {
		return "", fmt.Errorf("fetching %s: %w", source, err)
	}
	meta := st.Meta
	meta.Depth = st.opts.Depth
	if err := st.Save(meta); err != nil {
		return "", err
	}
	if head, err = st.Head(); err == nil && head == "" {
		err = fmt.Errorf("%s does not exist after the fetch", headRef)
	}
	return head, err
}

// fetchOne fetches source, a ref or a hash, into ref.
func (st *Store) fetchOne(ctx context.Context, g *git.Git, source, ref string, f fetchOptions) error {
	f.depth, f.refspecs = st.opts.Depth, []string{"+" + source + ":" + ref}
	err := st.fetch(ctx, g, f)
	if err == nil || !git.IsHash(source) {
		return err
	}
	switch git.KindOf(err) {
	case git.KindLagging, git.KindRefNotFound, git.KindUnsupported, git.KindUnknown:
	default:
		return err
	}
	// Older servers do not serve commits by hash: fetch all refs, and check whether the commit is among them.
	f.depth, f.refspecs, f.prune = 0, []string{"+refs/*:refs/git-sync/all/*"}, true
	if err := st.fetch(ctx, g, f); err != nil {
		return err
	}
	has, err := st.Has(ctx, g, source)
	if err != nil {
		return err
	}
	if !has {
		return &git.Error{
			Op: "fetch", Kind: git.KindRefNotFound, Err: fmt.Errorf("no ref of %s holds the commit %s", st.url, source),
			Hinted: "check --ref (a branch, a tag, a full hash or refs/...)",
		}
	}
	return st.setRef(ref, source)
}
