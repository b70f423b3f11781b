package worktree

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// Verdict is what is known of a tree.
type Verdict int

// The values of Verdict.
const (
	Unknown Verdict = iota // the check was killed, timed out, or could not read
	Intact
	Changed // files have another content
	Damaged // files are gone, or the index is
)

// Verify compares the tree of rec, whose store is at store, with its commit,
// submodules included: by the sizes and times that its index remembers, and where
// the tree was written during another boot by content, for a power cut leaves files
// of the right size without their content. It needs no lock.
func (o *Options) Verify(ctx context.Context, store disk.GitDir, rec Record) Verdict {
	dir := filepath.Join(o.Root, rec.Place)
	all := []worktree{{git: store, id: rec.ID, dir: dir}}
	for _, m := range rec.Modules {
		all = append(all, worktree{git: store.ModuleDir(m.Store), id: m.Admin, dir: filepath.Join(dir, m.Path)})
	}
	for _, w := range all {
		c := w.in(git.Cmd("status", "--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames"))
		if w.sparse() {
			c.Config(sparseConfig()...)
		}
		if rec.Recipe.Permissions != 0 {
			c.Config(git.KV{Key: "core.fileMode", Value: "false"})
		}
		if rec.Boot != disk.BootID() {
			index, err := olderIndex(w.admin())
			if err != nil {
				return Unknown
			}
			defer func() { _ = disk.Remove(index) }()
			c.Env("GIT_INDEX_FILE=" + index)
		}
		if v := o.verdict(ctx, c); v != Intact {
			return v
		}
	}
	return Intact
}

// verdict runs a status that prints what differs.
func (o *Options) verdict(ctx context.Context, c *git.Command) Verdict {
	res, err := o.Git.Run(ctx, c)
	switch {
	case err == nil && res.Stdout == "":
		return Intact
	case err == nil && !strings.Contains("\x00"+res.Stdout, "\x00 D "):
		return Changed
	case err == nil, git.KindOf(err) == git.KindCorrupt:
		return Damaged
	default:
		return Unknown
	}
}

// olderIndex copies an index and makes the copy older than every file in
// it. git takes entries that are not older than the index for "racy", and
// compares their content rather than trust their times
// (Documentation/technical/racy-git.txt).
func olderIndex(admin string) (string, error) {
	in, err := os.Open(filepath.Join(admin, "index"))
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	name := filepath.Join(admin, disk.TempPrefix+"index-"+disk.Unique())
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
		_ = disk.Remove(name)
		return "", err
	}
	return name, nil
}
