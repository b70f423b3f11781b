package worktree

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"slices"
	"strings"
	"time"

	"git-sync/pkg/git"
)

// recordName is the file in a tree's admin directory that makes the tree complete. It is written last.
const recordName = "git-sync.json"

// Record describes a complete tree and how it was made.
type Record struct {
	Hash    string   `json:"hash"`              // the commit
	Asked   string   `json:"asked,omitempty"`   // the hash that was asked for, if it was a tag's
	Place   string   `json:"place"`             // its name relative to the root
	Recipe  Recipe   `json:"recipe"`            // what determined its content, besides the commit
	Boot    string   `json:"boot"`              // the boot during which it was written or last verified
	Modules []Module `json:"modules,omitempty"` // its submodules' worktrees
	Depth   int      `json:"depth,omitempty"`   // configured depth of its submodules' history, if it has submodules
	LFS     LFSState `json:"lfs,omitempty"`     // state of its files in Git LFS; empty if it has none
	// Unpublished is when it was replaced, if that is known.
	Unpublished time.Time `json:"retired,omitzero"`
	// The following fields are for recycling.
	Plain   bool        `json:"plain,omitempty"`   // no submodules and not sparse: one file for each index entry
	Maker   string      `json:"maker,omitempty"`   // user, group and umask
	DirMode fs.FileMode `json:"dirMode,omitempty"` // of its directories

	ID string `json:"-"` // name of the admin directory
	// LFSWhole says that no LFS file can be a pointer. Only the process that made the tree knows that, because its
	// environment configures git-lfs.
	LFSWhole bool `json:"-"`
	LFSUsed  bool `json:"-"` // the process that made the tree found LFS files
}

// Recipe is everything besides the commit that determines a tree and that is known without the commit. Trees with
// equal commit, recipe and LFSState are equal.
type Recipe struct {
	Sparse      string      `json:"sparse,omitempty"` // digest of the patterns
	Subdir      string      `json:"subdir,omitempty"` // the directory that is published
	Submodules  Submodules  `json:"submodules,omitempty"`
	Permissions fs.FileMode `json:"permissions,omitempty"`
	GroupWrite  bool        `json:"groupWrite,omitempty"`
	Config      string      `json:"config,omitempty"` // digest of the settings that change content
}

// Module is a submodule checked out within a tree.
type Module struct {
	Path  string `json:"path"`  // relative to the tree
	Store string `json:"store"` // name of its store
	Admin string `json:"admin"` // its admin directory in that store
}

// MatchesRecipe reports whether a tree was made in the same way as a tree with recipe rc would be made now.
func (o *Options) MatchesRecipe(rec Record, rc Recipe) bool {
	return rec.Recipe == rc && o.LFSUnchanged(rec) && (len(rec.Modules) == 0 || rec.Depth == o.Depth)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// contentConfig returns a digest of the settings that can change the content of a checkout: core.*, filter.* and
// lfs.*, and the variables of git-lfs. It leaves out settings that are only for transport: their values may hold
// secrets, which must not be stored.
func contentConfig(config []git.KV, lfs []string) string {
	lines := slices.Clone(lfs)
	for _, kv := range config {
		key := strings.ToLower(kv.Key)
		switch section, _, _ := strings.Cut(key, "."); section {
		case "core", "filter", "lfs":
		default:
			continue
		}
		switch key {
		case "core.sshcommand", "core.askpass", "core.gitproxy", "lfs.url", "lfs.pushurl":
			continue
		}
		lines = append(lines, key+"\x00"+kv.Value)
	}
	if len(lines) == 0 {
		return ""
	}
	slices.Sort(lines)
	return digest([]byte(strings.Join(lines, "\x01")))
}
