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

// Garbage is collected beside syncs. What is reachable is copied into packs of
// its own, aside, by a git that only reads the store: this is what takes long.
// Then, with the work lock held and so no sync under way, the packs are put in
// place and what was there before they were made is taken away, by renames.
//
// What makes that safe is that the second step is taken only when all that has
// to stay now, the tips, had to stay when the copying began, and the list of
// shallow commits is the same: then all that is reachable from them is in the
// new packs, or in files that came later and that nobody touches. If not, for
// a sync has fetched meanwhile, what is missing is copied too; each time that
// is less. `git repack -d` has no such second look: an object that was
// unreachable when it began, and that a fetch finds in the store and so does
// not write again, is lost to it.

// scratchPrefix begins the name of a collection's directory.
const scratchPrefix = "collect-"

const (
	// maxCopies is how many copies in a row are made beside syncs, for there may be
	// a fetch in each. Only what came meanwhile is copied again, so that this ends;
	// if not, the next collection begins anew.
	maxCopies = 16
	// maxMoved bounds the files that are taken away while the lock is held.
	// The rest is left for the next collection.
	maxMoved = 5000
	// maxList bounds the lists of commits, or objects, that are read.
	maxList = 64 << 20
)

// Lock is held by a sync, and by a collection of garbage for moments.
type Lock interface {
	Enter(ctx context.Context, doing string) error
	Unlock()
}

// collection is one collection of garbage in one store.
type collection struct {
	lock Lock
	root *Store // only with the lock held
	st   *Store // as it was when the collection began
	dir  string // its own, in the store: a replaced store has it no more

	// What was there when the last copying began.
	files   []string
	tips    map[string]bool // see toKeep
	shallow string          // the list of shallow commits; empty: none
	commits map[string]bool
	// copied are the tips of which everything has been copied.
	copied map[string]bool
}

// Collect collects garbage in which, of WorthCollecting. It blocks for as long
// as git takes, without being in the way of a sync. A submodule's store may be
// forgotten meanwhile.
func (st *Store) Collect(ctx context.Context, which *Store, lock Lock) error {
	err := which.healCollections()
	if err == nil {
		c := &collection{lock: lock, root: st, st: which, dir: which.Own(scratchPrefix + disk.Unique()), copied: map[string]bool{}}
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
		done, err = c.beside(ctx)
	}
	if !disk.Exists(c.dir) {
		return nil // the store was replaced, or belongs to nothing any more
	}
	return err
}

// beside copies without holding up syncs; true when that was all.
func (c *collection) beside(ctx context.Context) (bool, error) {
	if err := c.copyReachable(ctx); err != nil {
		return false, err
	}
	if err := c.lock.Enter(ctx, "garbage collection"); err != nil {
		return false, err
	}
	defer c.lock.Unlock()
	return c.finish()
}

// list notes what is there. The files come first: what comes after them stays.
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
		// What is reachable from the same commits may be more than before:
		// their history, or what a filter left out.
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
	c.commits = nil
	if c.shallow != "" {
		list := c.reading(git.Cmd("rev-list", "--stdin").MaxOutput(maxList)).Stdin(strings.NewReader(revisions(c.tips, nil)))
		res, err := c.st.opts.Git.Run(ctx, list)
		if err != nil {
			return fmt.Errorf("listing commits: %w", err)
		}
		c.commits = setOf(strings.Fields(res.Stdout))
	}
	if err := c.pack(ctx); err != nil {
		return fmt.Errorf("copying what is kept: %w", err)
	}
	for tip := range c.tips {
		c.copied[tip] = true
	}
	return nil
}

// finish puts the copies in place of what was there, if nothing else has to
// stay by now; false if something has. It needs the work lock.
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
	if err := errors.Join(c.forgetShallow(), c.takeAway(placed)); err != nil {
		return false, fmt.Errorf("removing garbage: %w", err)
	}
	return true, c.note()
}

// covers reports whether everything that tips need was to be kept when the
// last copying began.
func (c *collection) covers(tips map[string]bool) bool {
	for tip, checkedOut := range tips {
		known, ok := c.tips[tip]
		if !ok || checkedOut && !known && c.st.Meta.Filter != "" {
			return false
		}
	}
	return true
}

// place puts the new packs into the store; a pack's index last, for it is by
// this that git finds it. It returns their names.
func (c *collection) place() (map[string]bool, error) {
	entries, err := os.ReadDir(filepath.Join(c.dir, "pack"))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { return indexRank(a.Name()) - indexRank(b.Name()) })
	placed := map[string]bool{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "tmp_") {
			continue // of a git that was killed
		}
		name := c.st.Path("objects/pack/" + e.Name())
		if err := os.Rename(filepath.Join(c.dir, "pack", e.Name()), name); err != nil {
			return nil, err
		}
		placed[name] = true
	}
	return placed, nil
}

// indexRank orders the files of packs: those by which git finds packs are put
// in place last, and taken away first.
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

// takeAway moves what was there when the last copying began out of the store.
func (c *collection) takeAway(placed map[string]bool) error {
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
			_ = os.Remove(dir) // goes when it is empty
		}
	}
	return nil
}

// forgetShallow drops the commits that are not reachable any more from the list
// of shallow ones, which grows by one with each fetch.
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

// note remembers what is kept. A sync may have changed the marker meanwhile.
func (c *collection) note() error {
	inv, err := c.st.inventory()
	if err != nil {
		return err
	}
	st := c.root
	if c.st.GitDir != st.GitDir {
		st = At(c.st.Dir(), c.st.opts)
	}
	st.known = inv
	return st.keeps(inv)
}

// toKeep returns the list of shallow commits, and the hashes of all that has
// to stay in a store: what its refs hold, and what is checked out, for which
// the value is true.
func (st *Store) toKeep() (shallow string, tips map[string]bool, err error) {
	data, err := os.ReadFile(st.Path("shallow"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	names, err := disk.Glob(st.Dir(), disk.Admins+"/*/HEAD")
	if err != nil {
		return "", nil, err
	}
	err = filepath.WalkDir(st.Path("refs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasSuffix(name, ".lock") {
			names = append(names, name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // forgotten meanwhile
		}
		return err
	})
	if err != nil {
		return "", nil, err
	}
	tips = map[string]bool{}
	for _, name := range append(names, st.Path("packed-refs")) {
		held, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
		for line := range strings.Lines(string(held)) {
			// "<hash>", "<hash> <ref>", "^<hash>" of what a tag comes down to; "ref: <ref>" holds nothing itself.
			hash, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if git.IsHash(hash) {
				tips[hash] = tips[hash] || filepath.Base(name) == "HEAD"
			}
		}
	}
	return string(data), tips, nil
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}
