package recycle

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
	"git-sync/pkg/repo/worktree"
)

// unsuitable says why the spare must not be recycled, or "" if it may be. For example, filter programs may write
// different content for the same blob each time.
func (r Recycler) unsuitable(ctx context.Context, g *git.Git, s Spare, rec worktree.Record) (string, error) {
	switch {
	case r.Mode == Full:
		return "--checkout=full", nil
	case s.rec.ID == "" || !s.rec.Plain:
		return "the spare tree has no record", nil
	case s.rec.Recipe != rec.Recipe:
		return "the options have changed", nil
	case s.rec.Boot != rec.Boot:
		return "the machine was restarted", nil
	case s.rec.Maker != rec.Maker:
		return "it was made by another user, or with another umask", nil
	case rec.Recipe.Sparse != "":
		return "sparse checkouts are not recycled", nil
	case rec.Recipe.Permissions != 0:
		return "--change-permissions is set", nil
	case len(s.rec.Modules) > 0 || disk.Exists(filepath.Join(s.Dir, worktree.ModulesFile)):
		return "it has submodules", nil
	case r.Configured("filter."):
		return "filters are configured", nil
	case r.Configured("core.attributesfile") || disk.Exists(r.Store.Path("info/attributes")):
		return "attributes come from outside of the repository", nil
	case !disk.Exists(r.keptIndex(s.rec)):
		return "its index is gone", nil
	// LFS files that do not change must be the same as in a new checkout.
	case s.rec.LFS != worktree.LFSNone && s.rec.LFS != r.LFSNow():
		return "git-lfs was installed or removed", nil
	case s.rec.LFS == worktree.LFSFiles && !s.rec.LFSWhole:
		return "git-lfs may have left pointers", nil
	}
	return r.unsuitableChange(ctx, g, s, rec)
}

// unsuitableChange checks the differences between the two commits. Attributes can change the content of files whose
// blobs stay the same, and submodules are not recycled. If most files change, a full checkout is faster.
func (r Recycler) unsuitableChange(ctx context.Context, g *git.Git, s Spare, rec worktree.Record) (string, error) {
	c := git.Cmd("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev").GitDir(r.Store.Dir()).MaxOutput(maxDiff)
	res, err := g.Run(ctx, c.Operand(s.rec.Hash, rec.Hash))
	if err != nil {
		return "", fmt.Errorf("comparing the commits: %w", err)
	}
	changes, why := readDiff(res.Stdout)
	if why != "" {
		return why, nil
	}
	if entries := index.Count(r.keptIndex(s.rec)); 2*changes > entries {
		return "most of the files change", nil
	}
	return "", nil
}

// maxDiff limits the output of diff-tree, in bytes: about 50,000 changes. More is an error, which leads to a full
// checkout.
const maxDiff = 8 << 20

// readDiff parses `git diff-tree --raw -z`: ":<mode> <mode> <hash> <hash> <status>\0<path>\0". It counts the changes,
// or says why the tree must not be recycled.
func readDiff(out string) (changes int, why string) {
	fields := strings.Split(out, "\x00")
	for i := 0; i+1 < len(fields); i += 2 {
		meta := strings.Fields(strings.TrimPrefix(fields[i], ":"))
		if len(meta) != 5 {
			return 0, "the difference cannot be read"
		}
		switch base := path.Base(fields[i+1]); {
		case strings.EqualFold(base, index.AttributesFile):
			return 0, "attributes have changed"
		case fields[i+1] == worktree.LFSConfig:
			return 0, "the settings of git-lfs have changed"
		case meta[0] == "160000" || meta[1] == "160000" || base == worktree.ModulesFile:
			return 0, "submodules have changed"
		}
		changes++
	}
	return changes, ""
}
