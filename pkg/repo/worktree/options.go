package worktree

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/go-logr/logr"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// Submodules says how much of a tree's submodules is checked out.
type Submodules string

// The values of Submodules.
const (
	SubmodulesRecursive Submodules = "recursive" // all of them, at every depth
	SubmodulesShallow   Submodules = "shallow"   // those of the repository itself
	SubmodulesOff       Submodules = "off"
)

// Content says what determines a tree besides the commit.
type Content struct {
	Submodules Submodules
	// SparseFile holds the patterns of a sparse checkout; read at each sync.
	SparseFile string
	// Subdir is the only directory that is needed; empty: all are needed.
	Subdir string
	// Permissions, if not 0, is the mode of the checked-out files.
	Permissions fs.FileMode
	GroupWrite  bool
	Umask       fs.FileMode // of the files that git makes; already part of Git
	Hooked      bool        // a hook may modify a tree before it is published
	// Config is the user's additional git configuration, already part of Git. Settings that can change the content of
	// a checkout become part of the Recipe.
	Config []git.KV
}

// Options say how trees are made.
type Options struct {
	Git   *git.Git // without credentials
	Log   logr.Logger
	Root  string
	Trash disk.Trash
	URL   string
	Depth int // history of submodules in commits; 0 is all of it
	Content
	LFS      bool // git-lfs is installed
	Progress func(git.Progress)
	// MinKept is the number of files from which a tree's index is kept: see Builder.Keep.
	MinKept int
}

// Recipe returns what determines a tree besides the commit; patterns are those of a sparse checkout.
func (o *Options) Recipe(patterns []byte) Recipe {
	rc := Recipe{
		Subdir:      o.Subdir,
		Submodules:  o.Submodules,
		Permissions: o.Permissions,
		GroupWrite:  o.GroupWrite,
		Config:      contentConfig(o.Config, o.lfsVariables("GIT_LFS_")),
	}
	if len(patterns) > 0 {
		rc.Sparse = digest(patterns)
	}
	return rc
}

// SparsePatterns returns the patterns of the sparse checkout file, or those for Subdir; nil if there are none.
func (o *Options) SparsePatterns() ([]byte, error) {
	if o.SparseFile == "" && o.Subdir != "" {
		literal := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, " ", `\ `).Replace(o.Subdir)
		return []byte("/.gitattributes\n/.gitmodules\n/" + LFSConfig + "\n/" + literal + "/\n"), nil
	}
	if o.SparseFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(o.SparseFile)
	if err != nil {
		return nil, fmt.Errorf("reading --sparse-checkout-file: %w", err)
	}
	// The added line makes the digest of an empty file differ from "not sparse". As in git, an empty file checks out
	// nothing.
	return append(data, '\n'), nil
}

// Configured reports whether the user sets a configuration key that begins with prefix, which is in lower case.
func (o *Options) Configured(prefix string) bool {
	return slices.ContainsFunc(o.Config, func(kv git.KV) bool { return strings.HasPrefix(strings.ToLower(kv.Key), prefix) })
}

// lfsVariables returns the environment variables of git-lfs whose names begin with prefix.
func (o *Options) lfsVariables(prefix string) []string {
	return slices.DeleteFunc(o.Git.Environ(), func(kv string) bool { return !strings.HasPrefix(kv, prefix) })
}

// Maker identifies what determines the modes and owners of new files, besides git.
func (o *Options) Maker() string {
	return fmt.Sprintf("%d:%d:%o", os.Getuid(), os.Getgid(), uint32(o.Umask))
}
