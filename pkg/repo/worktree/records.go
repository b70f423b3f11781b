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

// Records are those of the complete trees of a root's store, and what this
// process has found out about each tree.
type Records struct {
	root string
	git  disk.GitDir
	byID map[string]Record
	// Damaged are the trees, by ID, proved to differ from their commit; Verified
	// those made or verified by this process.
	Damaged, Verified map[string]bool
}

// NewRecords returns the records of the store at git, none of them read yet.
func NewRecords(root string, git disk.GitDir) *Records {
	return &Records{root: root, git: git, byID: map[string]Record{}, Damaged: map[string]bool{}, Verified: map[string]bool{}}
}

// Load reads all records.
func (r *Records) Load() error {
	clear(r.byID)
	entries, err := os.ReadDir(r.git.Path(disk.Admins))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the records of trees: %w", err)
	}
	for _, e := range entries {
		var rec Record
		// A record that cannot be read is no record: the tree is made again.
		if err := disk.ReadJSON(filepath.Join(r.git.Admin(e.Name()), recordName), &rec); err != nil {
			continue
		}
		rec.ID = e.Name()
		r.byID[rec.ID] = rec
	}
	return nil
}

// Forget drops all that is known.
func (r *Records) Forget() {
	clear(r.byID)
	clear(r.Damaged)
	clear(r.Verified)
}

// Retain drops what is known of trees that are not live.
func (r *Records) Retain(live map[string]bool) {
	for id := range r.byID {
		if !live[id] {
			delete(r.byID, id)
			delete(r.Damaged, id)
			delete(r.Verified, id)
		}
	}
}

// All returns the records by ID.
func (r *Records) All() map[string]Record { return r.byID }

// ByID returns the record of an admin directory.
func (r *Records) ByID(id string) (Record, bool) {
	rec, ok := r.byID[id]
	return rec, ok
}

// At returns the record of the tree at place: that which its .git file names, and
// which agrees about the place.
func (r *Records) At(place string) (Record, bool) {
	admin, err := disk.ReadGitlink(filepath.Join(r.root, place))
	if err != nil {
		return Record{}, false
	}
	rec, ok := r.byID[filepath.Base(admin)]
	if !ok || rec.Place != place || filepath.Dir(admin) != r.git.Path(disk.Admins) {
		return Record{}, false
	}
	return rec, true
}

// MadeAt returns the record of a tree that was made at place, whether it is still
// there or not.
func (r *Records) MadeAt(place string) (Record, bool) {
	for _, rec := range r.byID {
		if rec.Place == place {
			return rec, true
		}
	}
	return Record{}, false
}

// ReplacedAt reports whether a tree that was published was made at place. The place of one
// that never was may hold files that git-sync did not make.
func (r *Records) ReplacedAt(place string) bool {
	for _, rec := range r.byID {
		if rec.Place == place && !rec.Unpublished.IsZero() {
			return true
		}
	}
	return false
}

// Add makes a record known that Builder has written, for a tree that is verified.
func (r *Records) Add(rec Record) {
	r.byID[rec.ID] = rec
	r.Verified[rec.ID] = true
}

// Save writes rec into its admin directory.
func (r *Records) Save(rec Record) error {
	r.byID[rec.ID] = rec
	return save(r.git, rec)
}

func save(git disk.GitDir, rec Record) error {
	return git.ReplaceJSON(filepath.Join(git.Admin(rec.ID), recordName), rec)
}

// Move notes that a tree is at rec.Place from now on, in its record and where git
// looks for it.
func (r *Records) Move(rec Record) error {
	err := r.git.Write(filepath.Join(r.git.Admin(rec.ID), "gitdir"), []byte(backPointer(rec.Place)))
	for _, m := range rec.Modules {
		store := r.git.ModuleDir(m.Store)
		err = errors.Join(err, store.Write(filepath.Join(store.Admin(m.Admin), "gitdir"), []byte(backPointer(fromModule(path.Join(rec.Place, m.Path))))))
	}
	return errors.Join(err, r.Save(rec))
}

// Intact makes the checks of a tree in its place that cost no process: its
// directory, its .git file, what its admin directory holds, and the same of its
// submodules.
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

// Head returns the commit that the worktree of an admin directory has checked
// out; empty where the directory lacks something that git needs.
func Head(admin string) string {
	head, err := os.ReadFile(filepath.Join(admin, "HEAD"))
	if err != nil || !adminFilled(admin) {
		return ""
	}
	return strings.TrimSpace(string(head))
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
