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

// recordName is the file in a tree's admin directory that makes the tree a
// complete one. It is written last.
const recordName = "git-sync.json"

// Record says what a complete tree is and how it was made.
type Record struct {
	Hash    string   `json:"hash"`              // the commit
	Asked   string   `json:"asked,omitempty"`   // the hash it was asked for by, where that was a tag's
	Place   string   `json:"place"`             // its name below the root
	Recipe  Recipe   `json:"recipe"`            // what besides the commit decided its content
	Boot    string   `json:"boot"`              // the boot during which it was written, or last verified
	Modules []Module `json:"modules,omitempty"` // its submodules' worktrees
	Depth   int      `json:"depth,omitempty"`   // of the submodules' history, where there are any, as it was asked for
	LFS     LFSState `json:"lfs,omitempty"`     // how files kept in Git LFS were made; empty: none are
	// Unpublished is when it was replaced, as far as that is known.
	Unpublished time.Time `json:"retired,omitzero"`
	// Older: it took the place of a tree that an older git-sync has made, and links to
	// it may be that one's.
	Older bool `json:"older,omitempty"`
	// What recycling needs to know.
	Plain   bool        `json:"plain,omitempty"`   // no submodule, nothing sparse: one file for each entry of the index
	Maker   string      `json:"maker,omitempty"`   // user, group and umask
	DirMode fs.FileMode `json:"dirMode,omitempty"` // of its directories

	ID string `json:"-"` // name of the admin directory
	// LFSWhole says that no file of Git LFS can have been left a pointer. Only
	// the process that made the tree knows: its environment configures git-lfs.
	LFSWhole bool `json:"-"`
	LFSUsed  bool `json:"-"` // there are files of Git LFS, as the process that made the tree knows
}

// Recipe is everything besides the commit that decides what a tree looks like,
// and that can be told without the commit. Trees of equal commit, recipe and
// LFSState are equal.
type Recipe struct {
	Sparse      string      `json:"sparse,omitempty"` // digest of the patterns
	Subdir      string      `json:"subdir,omitempty"` // the directory that is published
	Submodules  Submodules  `json:"submodules,omitempty"`
	Permissions fs.FileMode `json:"permissions,omitempty"`
	GroupWrite  bool        `json:"groupWrite,omitempty"`
	Config      string      `json:"config,omitempty"` // digest of the configuration that changes content
}

// Module is a submodule checked out within a tree.
type Module struct {
	Path  string `json:"path"`  // below the tree
	Store string `json:"store"` // name of its store
	Admin string `json:"admin"` // its admin directory in that store
}

// AsNow reports whether a tree was made as one of recipe rc would be made now.
func (o *Options) AsNow(rec Record, rc Recipe) bool {
	return rec.Recipe == rc && o.LFSAsNow(rec) && (len(rec.Modules) == 0 || rec.Depth == o.Depth)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// contentConfig digests the settings that can change what git writes into a
// checkout: core.*, filter.* and lfs.*, and the variables that configure git-lfs. Programs
// that only transport are left out, for their values may hold secrets, which are stored nowhere.
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
