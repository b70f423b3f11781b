package worktree

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// Verdict is the result of a verification.
type Verdict int

// The values of Verdict.
const (
	Unknown Verdict = iota // the check was killed, timed out, or could not read
	Intact
	Changed // files have different content
	Damaged // files or the index are missing or corrupt
)

// Verify compares the tree of rec, whose store is at store, with its commit, submodules included. It compares the
// sizes and times that the index records. If the tree was written during another boot, it also compares content: a
// power cut leaves files of the right size without their content. It needs no lock.
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

// verdict runs a git status that prints differences.
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

// olderIndex copies an index and makes the copy older than every file in it. git considers entries that are not older
// than the index "racy", and compares their content instead of their times (Documentation/technical/racy-git.txt).
func olderIndex(admin string) (string, error) {
	data, err := os.ReadFile(filepath.Join(admin, "index"))
	if err != nil {
		return "", err
	}
	name := filepath.Join(admin, disk.TempPrefix+"index-"+disk.Unique())
	old := time.Unix(1, 0) // 0 would mean "no time known" to git
	if err := errors.Join(os.WriteFile(name, data, 0o600), os.Chtimes(name, old, old)); err != nil {
		return "", errors.Join(err, disk.Remove(name))
	}
	return name, nil
}
