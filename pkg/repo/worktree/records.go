package worktree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"git-sync/pkg/repo/internal/disk"
)

// Records holds the records of the complete trees of a store, and what this process has found out about each tree.
type Records struct {
	root string
	git  disk.GitDir
	// ByID holds the records by the name of their admin directory.
	ByID map[string]Record
	// Damaged has the IDs of trees that are proved to differ from their commit. Verified has those that this process
	// has made or verified. Recycled has those that it has made from another tree.
	Damaged, Verified, Recycled map[string]bool
}

// NewRecords returns the records of the store at git. It reads nothing yet.
func NewRecords(root string, git disk.GitDir) *Records {
	r := &Records{root: root, git: git, ByID: map[string]Record{}}
	r.Damaged, r.Verified, r.Recycled = map[string]bool{}, map[string]bool{}, map[string]bool{}
	return r
}

// Load reads all records from the disk.
func (r *Records) Load() error {
	clear(r.ByID)
	entries, err := os.ReadDir(r.git.Path(disk.Admins))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the records of trees: %w", err)
	}
	for _, e := range entries {
		var rec Record
		// Skip a record that cannot be read: the tree is made again.
		if err := disk.ReadJSON(filepath.Join(r.git.Admin(e.Name()), recordName), &rec); err != nil {
			continue
		}
		rec.ID = e.Name()
		r.ByID[rec.ID] = rec
	}
	return nil
}

// Forget forgets all records.
func (r *Records) Forget() { *r = *NewRecords(r.root, r.git) }

// Retain forgets the trees that are not live.
func (r *Records) Retain(live map[string]bool) {
	for id := range r.ByID {
		if !live[id] {
			delete(r.ByID, id)
			delete(r.Damaged, id)
			delete(r.Verified, id)
			delete(r.Recycled, id)
		}
	}
}

// At returns the record that the .git file of the tree at place names. The record must have the same place.
func (r *Records) At(place string) (Record, bool) {
	admin, err := disk.ReadGitlink(filepath.Join(r.root, place))
	if err != nil {
		return Record{}, false
	}
	rec, ok := r.ByID[filepath.Base(admin)]
	if !ok || rec.Place != place || filepath.Dir(admin) != r.git.Path(disk.Admins) {
		return Record{}, false
	}
	return rec, true
}

// MadeAt returns the record of a tree that was made at place, whether it still exists or not.
func (r *Records) MadeAt(place string) (Record, bool) {
	for _, rec := range r.ByID {
		if rec.Place == place {
			return rec, true
		}
	}
	return Record{}, false
}

// ReplacedAt reports whether a tree that was made at place was published and then replaced. If a tree was never
// published, its place may hold files that git-sync did not make.
func (r *Records) ReplacedAt(place string) bool {
	for _, rec := range r.ByID {
		if rec.Place == place && !rec.Unpublished.IsZero() {
			return true
		}
	}
	return false
}

// Add adds a record that Builder has written, and marks its tree as verified.
func (r *Records) Add(rec Record) {
	r.ByID[rec.ID] = rec
	r.Verified[rec.ID] = true
}

// Save writes rec into its admin directory.
func (r *Records) Save(rec Record) error {
	r.ByID[rec.ID] = rec
	return save(r.git, rec)
}

func save(git disk.GitDir, rec Record) error {
	return git.ReplaceJSON(filepath.Join(git.Admin(rec.ID), recordName), rec)
}

// Move records that a tree is now at rec.Place, in its record and in git's files.
func (r *Records) Move(rec Record) error {
	err := r.git.Write(filepath.Join(r.git.Admin(rec.ID), "gitdir"), []byte(backPointer(rec.Place)))
	for _, m := range rec.Modules {
		store := r.git.ModuleDir(m.Store)
		err = errors.Join(err, store.Write(filepath.Join(store.Admin(m.Admin), "gitdir"), []byte(backPointer(fromModule(path.Join(rec.Place, m.Path))))))
	}
	return errors.Join(err, r.Save(rec))
}

// Intact makes the cheap checks of a tree in its place, which need no process: its directory, its .git file, its
// admin directory, and those of its submodules.
func (r *Records) Intact(rec Record) bool {
	dir := filepath.Join(r.root, rec.Place)
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return false
	}
	for _, m := range rec.Modules {
		if !filled(filepath.Join(dir, m.Path, disk.GitName)) || !adminFilled(r.git.ModuleDir(m.Store).Admin(m.Admin)) {
			return false
		}
	}
	return rec.Hash != "" && Head(r.git.Admin(rec.ID)) == rec.Hash
}

// Head returns the commit that is checked out in the worktree of an admin directory; empty if the directory lacks a
// file that git needs.
func Head(admin string) string {
	head, err := os.ReadFile(filepath.Join(admin, "HEAD"))
	if err != nil || !adminFilled(admin) {
		return ""
	}
	return strings.TrimSpace(string(head))
}

// adminFilled reports whether an admin directory has the files that git needs. They are not flushed, so a power cut
// may have lost them.
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
