package repo

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"git-sync/pkg/git"
)

// verdict is what is known of a tree.
type verdict int

const (
	verdictUnknown verdict = iota // the check was killed, timed out, or could not read
	verdictIntact
	verdictDamaged // proved
)

// verify compares a tree with its commit, submodules included: by the sizes
// and times that its index remembers, and where the tree was written during
// another boot by content, for a power cut leaves files of the right size
// without their content.
func (r *Repo) verify(ctx context.Context, rec record) verdict {
	return r.compare(ctx, rec, r.worktrees(rec))
}

// worktrees returns those of a tree: its own and its submodules'.
func (r *Repo) worktrees(rec record) []worktree {
	dir := filepath.Join(r.root, rec.Place)
	all := []worktree{{st: r.store, id: rec.id, dir: dir}}
	for _, m := range rec.Modules {
		all = append(all, worktree{st: r.moduleStore(r.store, m.Store), id: m.Admin, dir: filepath.Join(dir, m.Path)})
	}
	return all
}

// compare is verify for the worktrees of rec. It needs no lock.
func (r *Repo) compare(ctx context.Context, rec record, all []worktree) verdict {
	if rec.Plain && rec.Boot == bootID() && asMade(ctx, all[0], rec.DirMode) {
		return verdictIntact
	}
	for _, w := range all {
		c := w.in(git.Cmd("status", "--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames"))
		if exists(w.sparseFile()) {
			c.Config(sparseConfig()...)
		}
		if rec.Recipe.Permissions != 0 {
			c.Config(git.KV{Key: "core.fileMode", Value: "false"})
		}
		if rec.Boot != bootID() {
			index, err := suspiciousIndex(w.st.admin(w.id))
			if err != nil {
				return verdictUnknown
			}
			defer func() { _ = remove(index) }()
			c.Env("GIT_INDEX_FILE=" + index)
		}
		if v := r.verdict(ctx, c); v != verdictIntact {
			return v
		}
	}
	return verdictIntact
}

// asMade reports whether a tree is proved to be as git has made it, its index
// too, which costs a fraction of what git would take to tell.
func asMade(ctx context.Context, w worktree, dirMode fs.FileMode) bool {
	index, kept := filepath.Join(w.st.admin(w.id), "index"), filepath.Join(w.st.admin(w.id), keptIndex)
	now, err := os.Stat(index)
	then, kerr := os.Stat(kept)
	if err != nil || kerr != nil || !os.SameFile(now, then) {
		return false
	}
	u := untouched{umask: umask(), dirMode: dirMode}
	return u.compare(ctx, w.dir, kept, w.st.hashLength()) == nil
}

// verdict runs a status that prints what differs.
func (r *Repo) verdict(ctx context.Context, c *git.Command) verdict {
	res, err := r.opts.Git.Run(ctx, c)
	switch {
	case err == nil && res.Stdout == "":
		return verdictIntact
	case err == nil, git.KindOf(err) == git.KindCorrupt:
		return verdictDamaged
	default:
		return verdictUnknown
	}
}

// suspiciousIndex copies an index and makes the copy older than every file in
// it. git takes entries that are not older than the index for "racy", and
// compares their content rather than trust their times
// (Documentation/technical/racy-git.txt).
func suspiciousIndex(admin string) (string, error) {
	in, err := os.Open(filepath.Join(admin, "index"))
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	name := filepath.Join(admin, tempPrefix+"index-"+unique())
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		long := time.Unix(1, 0) // 0 means "no time known" to git
		err = os.Chtimes(name, long, long)
	}
	if err != nil {
		_ = remove(name)
		return "", err
	}
	return name, nil
}
