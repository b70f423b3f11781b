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

// Content says what besides the commit decides what a tree looks like.
type Content struct {
	Submodules Submodules
	// SparseFile holds the patterns of a sparse checkout; read at each sync.
	SparseFile string
	// Subdir is the only directory that is needed; empty: everything is.
	Subdir string
	// Permissions, when not 0, is the mode given to the files checked out.
	Permissions fs.FileMode
	GroupWrite  bool
	Umask       fs.FileMode // of the files that git makes; it is part of Git already
	// Config is the user's extra git configuration, already part of Git; what
	// in it can change the content of a checkout makes trees differ.
	Config []git.KV
}

// Options say how trees are made.
type Options struct {
	Git   *git.Git // for what needs no credentials
	Log   logr.Logger
	Root  string
	Trash disk.Trash
	URL   string
	Depth int // commits of history of submodules; 0 is all of it
	Content
	LFS      bool // git-lfs is installed
	Progress func(git.Progress)
	// MinKept is the number of files from which on a tree's index is kept: see Keep.
	MinKept int
}

// Recipe returns what besides the commit decides how trees look; patterns are
// those of a sparse checkout.
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

// SparsePatterns reads the sparse checkout file; nil when there is none.
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
	// A file without patterns would check out nothing; that is what git does,
	// but an empty digest must not be taken for "not sparse".
	return append(data, '\n'), nil
}

// Configured reports whether the user configures something whose name begins
// with prefix, in small letters.
func (o *Options) Configured(prefix string) bool {
	return slices.ContainsFunc(o.Config, func(kv git.KV) bool { return strings.HasPrefix(strings.ToLower(kv.Key), prefix) })
}

// lfsVariables are those of the environment that git-lfs obeys and whose names begin with prefix.
func (o *Options) lfsVariables(prefix string) []string {
	return slices.DeleteFunc(o.Git.Environ(), func(kv string) bool { return !strings.HasPrefix(kv, prefix) })
}

// Maker identifies what besides git decides modes and owners of new files.
func (o *Options) Maker() string {
	return fmt.Sprintf("%d:%d:%o", os.Getuid(), os.Getgid(), uint32(o.Umask))
}
