package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// Garbage is collected while syncs go on. First, git copies everything reachable into new packs in a directory of
// their own. This takes long, but it only reads the store. Then the new packs are moved into place, and the files
// that existed before the copy are moved away. For this step the work lock is held, so no sync runs; it consists of
// renames only.
//
// The second step is safe because of a check: the tips to keep must all have been tips when the copy began, and the
// list of shallow commits must be the same. Then everything reachable from the tips is in the new packs, or in later
// files, which are not touched. If a sync has fetched meanwhile, the check fails, and only what is missing is copied;
// each time that is less. `git repack -d` has no such check. It can lose an object that was unreachable when it
// began: a fetch finds the object in the store, and so does not write it again.

// scratchPrefix is the prefix of the name of a collection's directory.
const scratchPrefix = "collect-"

const (
	// maxCopies is the maximum number of copies in a row, because a fetch may happen during each. Each copy takes
	// only what is new, so one of the next should be the last. If not, the next collection starts over.
	maxCopies = 16
	// maxMoved limits the files that are moved away while the lock is held. The rest is left for the next collection.
	maxMoved = 5000
	// maxList limits the size, in bytes, of the lists of commits or objects.
	maxList = 64 << 20
)

// Enter takes the lock that a sync holds. A collection takes it only for moments. Unless Enter fails, leave releases
// the lock.
type Enter func(ctx context.Context) (leave func(), err error)

// collection is one garbage collection in one store.
type collection struct {
	enter Enter
	root  *Store // used only with the lock held
	st    *Store // as it was when the collection began
	dir   string // its directory in the store; gone if the store was replaced

	// The state when the last copy began.
	files   []string
	tips    map[string]bool // see toKeep
	shallow string          // the list of shallow commits; empty: none
	commits map[string]bool
	// copied has the tips of which everything has been copied.
	copied map[string]bool
}

// Collect collects garbage in which, a store returned by WorthCollecting. It blocks as long as git takes, but does
// not block syncs. The store of a submodule may be removed meanwhile.
func (st *Store) Collect(ctx context.Context, which *Store, enter Enter) error {
	err := which.healCollections()
	if err == nil {
		c := &collection{enter: enter, root: st, st: which, dir: which.Own(scratchPrefix + disk.Unique()), copied: map[string]bool{}}
		err = c.collect(ctx)
	}
	if !disk.Exists(which.Own(disk.Marker)) {
		return nil
	}
	return err
}

func (c *collection) collect(ctx context.Context) (err error) {
	if err := c.st.Mkdir(c.dir); err != nil {
		return fmt.Errorf("collecting garbage: %w", err)
	}
	defer func() { err = errors.Join(err, disk.RemoveTree(c.dir)) }()
	for _, name := range []string{"pack", "old"} {
		if err := c.st.Mkdir(filepath.Join(c.dir, name)); err != nil {
			return fmt.Errorf("collecting garbage: %w", err)
		}
	}
	done := false
	for n := 0; n < maxCopies && !done && err == nil; n++ {
		done, err = c.round(ctx)
	}
	if !disk.Exists(c.dir) {
		return nil // the store was replaced or removed
	}
	return err
}

// round copies while syncs go on. It returns true if that was everything.
func (c *collection) round(ctx context.Context) (bool, error) {
	if err := c.copyReachable(ctx); err != nil {
		return false, err
	}
	leave, err := c.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	return c.finish()
}

// list records the present state. It lists the files first, because files that are written later are kept.
func (c *collection) list() error {
	c.files = nil
	err := c.st.eachObject(func(name string, _ fs.FileInfo) error {
		c.files = append(c.files, name)
		return nil
	})
	if err != nil {
		return err
	}
	shallow, tips, err := c.st.toKeep()
	if err != nil {
		return err
	}
	if shallow != c.shallow || c.st.Meta.Filter != "" {
		// More may be reachable from the same commits than before: their history, or what a filter left out.
		clear(c.copied)
	}
	c.shallow, c.tips = shallow, tips
	return nil
}

// copyReachable copies what is reachable and not copied yet.
func (c *collection) copyReachable(ctx context.Context) error {
	if err := c.list(); err != nil {
		return fmt.Errorf("listing what is kept: %w", err)
	}
	if err := c.st.Write(filepath.Join(c.dir, "shallow"), []byte(c.shallow)); err != nil {
		return err
	}
	c.commits = map[string]bool{}
	if c.shallow != "" {
		list := c.reading(git.Cmd("rev-list", "--stdin").MaxOutput(maxList)).Stdin(strings.NewReader(revisions(c.tips, nil)))
		res, err := c.st.opts.Git.Run(ctx, list)
		if err != nil {
			return fmt.Errorf("listing commits: %w", err)
		}
		for hash := range strings.FieldsSeq(res.Stdout) {
			c.commits[hash] = true
		}
	}
	if err := c.pack(ctx); err != nil {
		return fmt.Errorf("copying what is kept: %w", err)
	}
	for tip := range c.tips {
		c.copied[tip] = true
	}
	return nil
}

// finish replaces the old files with the copies. It returns false if something new must be kept. It needs the work
// lock.
func (c *collection) finish() (bool, error) {
	if !disk.Exists(c.dir) {
		return true, nil
	}
	shallow, tips, err := c.st.toKeep()
	if err != nil {
		return false, fmt.Errorf("listing what is kept: %w", err)
	}
	if shallow != c.shallow || !c.covers(tips) {
		return false, nil
	}
	placed, err := c.place()
	if err != nil {
		return false, fmt.Errorf("putting the packs of what is kept in place: %w", err)
	}
	if err := errors.Join(c.forgetShallow(), c.moveOld(placed)); err != nil {
		return false, fmt.Errorf("removing garbage: %w", err)
	}
	return true, c.note()
}

// covers reports whether everything that tips need was to be kept when the last copy began.
func (c *collection) covers(tips map[string]bool) bool {
	for tip, checkedOut := range tips {
		known, ok := c.tips[tip]
		if !ok || checkedOut && !known && c.st.Meta.Filter != "" {
			return false
		}
	}
	return true
}

// place moves the new packs into the store, and returns their paths. The index of a pack comes last, because git
// finds the pack through it.
func (c *collection) place() (map[string]bool, error) {
	entries, err := os.ReadDir(filepath.Join(c.dir, "pack"))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { return indexRank(a.Name()) - indexRank(b.Name()) })
	placed := map[string]bool{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "tmp_") {
			continue // of a killed git
		}
		name := c.st.Path("objects/pack/" + e.Name())
		if err := os.Rename(filepath.Join(c.dir, "pack", e.Name()), name); err != nil {
			return nil, err
		}
		placed[name] = true
	}
	return placed, nil
}

// indexRank orders the files of packs. The files through which git finds packs are moved in last, and moved away
// first.
func indexRank(name string) int {
	switch {
	case strings.Contains(name, "multi-pack-index"):
		return 2
	case strings.HasSuffix(name, ".idx"):
		return 1
	default:
		return 0
	}
}

// moveOld moves the files that existed when the last copy began out of the store.
func (c *collection) moveOld(placed map[string]bool) error {
	slices.SortStableFunc(c.files, func(a, b string) int { return indexRank(b) - indexRank(a) })
	for i, name := range c.files {
		if i >= maxMoved {
			return nil
		}
		if placed[name] {
			continue
		}
		if err := os.Rename(name, filepath.Join(c.dir, "old", fmt.Sprint(i))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if dir := filepath.Dir(name); filepath.Base(dir) != "pack" {
			_ = os.Remove(dir) // fails unless it is empty
		}
	}
	return nil
}

// forgetShallow removes commits that are no longer reachable from the list of shallow commits, which grows with each
// fetch.
func (c *collection) forgetShallow() error {
	var kept strings.Builder
	for line := range strings.Lines(c.shallow) {
		if c.commits[strings.TrimSpace(line)] {
			kept.WriteString(line)
		}
	}
	if kept.Len() == 0 || kept.Len() == len(c.shallow) {
		return nil
	}
	return c.st.Replace(c.st.Path("shallow"), []byte(kept.String()))
}

// note records the size of what is kept. It reads the marker again, because a sync may have changed it.
func (c *collection) note() error {
	inv, err := c.st.inventory()
	if err != nil {
		return err
	}
	st := c.root
	if c.st.GitDir != st.GitDir {
		st = At(c.st.Dir(), c.st.opts)
	}
	return st.keeps(inv)
}

// toKeep returns the list of shallow commits, and the hashes that must stay in a store: those that refs point to, and
// those that are checked out. The value is true for a hash that is checked out.
func (st *Store) toKeep() (shallow string, tips map[string]bool, err error) {
	data, err := os.ReadFile(st.Path("shallow"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	names, err := st.holders()
	if err != nil {
		return "", nil, err
	}
	tips = map[string]bool{}
	for _, name := range names {
		held, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
		for line := range strings.Lines(string(held)) {
			// "<hash>", "<hash> <ref>", or "^<hash>" for a peeled tag; "ref: <ref>" has no hash
			hash, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if git.IsHash(hash) {
				tips[hash] = tips[hash] || filepath.Base(name) == "HEAD"
			}
		}
	}
	return string(data), tips, nil
}

// holders returns the files that contain the hashes of toKeep, and maybe others. Some may have been removed meanwhile.
func (st *Store) holders() ([]string, error) {
	admins, err := os.ReadDir(st.Path(disk.Admins)) // disk.Glob does not report a directory that cannot be read
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names := []string{st.Path("packed-refs")}
	for _, e := range admins {
		names = append(names, filepath.Join(st.Admin(e.Name()), "HEAD"))
	}
	err = filepath.WalkDir(st.Path("refs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasSuffix(name, ".lock") {
			names = append(names, name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // removed meanwhile
		}
		return err
	})
	return names, err
}
