package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"git-sync/pkg/git"
)

// recordName is the file in a tree's admin directory that makes the tree a
// complete one. It is written last.
const recordName = "git-sync.json"

// record says what a complete tree is and how it was made.
type record struct {
	Hash    string   `json:"hash"`              // the commit
	Asked   string   `json:"asked,omitempty"`   // the hash it was asked for by, where that was a tag's
	Place   string   `json:"place"`             // its name below the root
	Recipe  recipe   `json:"recipe"`            // what besides the commit decided its content
	Boot    string   `json:"boot"`              // the boot during which it was written, or last verified
	Modules []module `json:"modules,omitempty"` // its submodules' worktrees
	Depth   int      `json:"depth,omitempty"`   // of the submodules' history, where there are any, as it was asked for
	LFS     lfsState `json:"lfs,omitempty"`     // how files kept in Git LFS were made; empty: none are
	// Retired is when it went out of publication, as far as that is known.
	Retired time.Time `json:"retired,omitzero"`
	// What recycling needs to know.
	Plain   bool        `json:"plain,omitempty"`   // no submodule, nothing sparse: one file for each entry of the index
	Maker   string      `json:"maker,omitempty"`   // user, group and umask
	DirMode fs.FileMode `json:"dirMode,omitempty"` // of its directories

	id string // name of the admin directory
	// lfsWhole says that no file of Git LFS can have been left a pointer. Only
	// the process that made the tree knows: its environment configures git-lfs.
	lfsWhole bool
}

// recipe is everything besides the commit that decides what a tree looks like,
// and that can be told without the commit. Trees of equal commit, recipe and
// lfsState are equal.
type recipe struct {
	Sparse      string      `json:"sparse,omitempty"` // digest of the patterns
	Submodules  Submodules  `json:"submodules,omitempty"`
	Permissions fs.FileMode `json:"permissions,omitempty"`
	GroupWrite  bool        `json:"groupWrite,omitempty"`
	Config      string      `json:"config,omitempty"` // digest of the configuration that changes content
}

// module is a submodule checked out within a tree.
type module struct {
	Path  string `json:"path"`  // below the tree
	Store string `json:"store"` // name of its store
	Admin string `json:"admin"` // its admin directory in that store
}

func (r *Repo) recipe(sparse []byte) recipe {
	rc := recipe{
		Submodules:  r.opts.Submodules,
		Permissions: r.opts.Permissions,
		GroupWrite:  r.opts.GroupWrite,
		Config:      contentConfig(r.opts.Config),
	}
	if len(sparse) > 0 {
		rc.Sparse = digest(sparse)
	}
	return rc
}

// asNow reports whether a tree was made as one of recipe rc would be made now.
func (r *Repo) asNow(rec record, rc recipe) bool {
	return rec.Recipe == rc && r.lfsAsNow(rec) && rec.reaches(r.opts.Depth)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// contentConfig digests the settings that can change what git writes into a
// checkout: core.*, filter.* and lfs.*. Programs that only transport are left
// out, for their values may hold secrets, which are stored nowhere.
func contentConfig(config []git.KV) string {
	var lines []string
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
	sort.Strings(lines)
	return digest([]byte(strings.Join(lines, "\x01")))
}

// sparsePatterns reads the sparse checkout file; nil when there is none.
func (r *Repo) sparsePatterns() ([]byte, error) {
	if r.opts.SparseFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(r.opts.SparseFile)
	if err != nil {
		return nil, fmt.Errorf("reading --sparse-checkout-file: %w", err)
	}
	// A file without patterns would check out nothing; that is what git does,
	// but an empty digest must not be taken for "not sparse".
	return append(data, '\n'), nil
}

// loadRecords reads the records of all complete trees in the store.
func (r *Repo) loadRecords() error {
	clear(r.records)
	dir := filepath.Join(r.store.dir, adminDirName)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the records of trees: %w", err)
	}
	for _, e := range entries {
		var rec record
		// A record that cannot be read is no record: the tree is made again.
		if err := readJSON(filepath.Join(dir, e.Name(), recordName), &rec); err != nil {
			continue
		}
		rec.id = e.Name()
		r.records[rec.id] = rec
	}
	return nil
}

// recordOf returns the record of the tree at rel: that which its .git file
// names, and which agrees about the place.
func (r *Repo) recordOf(rel string) (record, bool) {
	admin, err := readGitlink(filepath.Join(r.root, rel))
	if err != nil {
		return record{}, false
	}
	rec, ok := r.records[filepath.Base(admin)]
	if !ok || rec.Place != rel || filepath.Dir(admin) != filepath.Join(r.store.dir, adminDirName) {
		return record{}, false
	}
	return rec, true
}

// saveRecord writes rec into its admin directory in st.
func saveRecord(st store, rec record) error {
	return writeJSON(filepath.Join(st.admin(rec.id), recordName), rec, 0o666)
}

// intact makes the checks that cost no process: the tree, its .git file, and
// what its admin directory holds, and the same of its submodules.
func (r *Repo) intact(rel string, rec record) bool {
	if !r.isTree(rel) {
		return false
	}
	for _, m := range rec.Modules {
		gitlink := filepath.Join(r.root, rel, m.Path, gitDirName)
		if !filled(gitlink) || !adminFilled(r.moduleStore(r.store, m.Store).admin(m.Admin)) {
			return false
		}
	}
	return adminIntact(r.store.admin(rec.id), rec.Hash)
}

// adminIntact makes the cheap checks of a worktree's admin directory.
func adminIntact(admin, hash string) bool {
	head, err := os.ReadFile(filepath.Join(admin, "HEAD"))
	return err == nil && strings.TrimSpace(string(head)) == hash && adminFilled(admin)
}

// adminFilled reports whether an admin directory has what git needs of it,
// which a power cut may have taken: none of it is flushed.
func adminFilled(admin string) bool {
	for _, name := range []string{"HEAD", "commondir", "gitdir", "index"} {
		if !filled(filepath.Join(admin, name)) {
			return false
		}
	}
	return true
}

func filled(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Size() > 0
}
