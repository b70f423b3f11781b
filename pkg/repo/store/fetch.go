package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"git-sync/pkg/git"
)

// fetch brings refspecs into st, in another way where the remote cannot do what the
// options ask for. It blocks for as long as the network takes.
func (st *Store) fetch(ctx context.Context, g *git.Git, f fetchOptions) error {
	if err := st.HealLocks(); err != nil {
		return err
	}
	err := st.fetchOnce(ctx, g, f)
	if git.KindOf(err) == git.KindLagging {
		err = st.fetchOnce(ctx, g, f) // of another replica, perhaps
	}
	if git.KindOf(err) == git.KindLazy {
		// The remote sent differences to files that the partial clone has left out.
		f.lazy = true
		err = st.fetchOnce(ctx, g, f)
	}
	if f.depth > 0 && git.KindOf(err) == git.KindDepth {
		if !st.opts.noShallow {
			st.opts.Log.Info("the remote has no shallow clones, fetching whole histories", "hint", "--depth=0 saves the attempt")
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
		remote = "origin" // a filter is kept for a configured remote only
	}
	if !f.lazy {
		// Of a remote that cannot give single objects, such as a web server with files, each
		// fetch that starts another one would do so again.
		c.Env("GIT_NO_LAZY_FETCH=1")
	}
	if st.opts.Progress != nil {
		c.Arg("--progress").Progress(st.opts.Progress)
	}
	if f.prune {
		c.Arg("--prune")
	}
	if f.untrusted {
		// Transports that git allows to a user alone are closed to what a
		// repository asks for.
		c.Env("GIT_PROTOCOL_FROM_USER=0")
	}
	if _, err := g.Run(ctx, c.Operand(remote).Operand(f.refspecs...)); err != nil {
		// A git that was killed leaves what it had received: over and over, that fills a disk.
		return errors.Join(err, st.healObjects())
	}
	st.opts.Fetched()
	return nil
}

type fetchOptions struct {
	depth     int
	refspecs  []string
	lazy      bool // another fetch may be started, for what a partial clone lacks
	untrusted bool // the URL comes from the synced repository
	prune     bool // refs that the remote has no more go first: one may be where a directory of refs is now
}

// Obtain fetches source, a ref's full name or a hash, unless the store has it
// already: oid is what the ref was last known to hold. It returns what it holds
// now, which may be newer.
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
		err = fmt.Errorf("%s is not there after fetching it", headRef)
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
	// Older servers hand out no commits by hash: take all, and look whether it is
	// among them.
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
