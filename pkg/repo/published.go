package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/outlet"
	"git-sync/pkg/repo/worktree"
)

// condition is what is known of the tree that is published.
type condition int

const (
	unchecked  condition = iota // not checked yet
	intact                      // nothing speaks against it
	unverified                  // written during another boot, and its content not compared since
	damaged                     // proved to differ from its commit, or without what git needs of it
	missing                     // there is none
)

// why says why the published tree is not to be used; empty when it may be.
func (c condition) why() string {
	switch c {
	case unchecked:
		return "what is published has not been checked yet"
	case unverified:
		return "what is published was written before the machine was started anew, and could not be checked yet"
	case damaged:
		return "what is published is damaged, and is to be made anew"
	case missing:
		return "what was published is gone, and is to be made anew"
	case intact:
	}
	return ""
}

// broken reports whether the published tree needs to be made anew.
func (c condition) broken() bool { return c == damaged || c == missing }

// current is the published tree.
type current struct {
	place  string // below the root; empty: none of our trees is published
	commit string
	since  time.Time
	rec    worktree.Record // without an ID where there is none
	whole  bool            // it has a record, and passes the checks that cost no process
	dir    string          // what consumers see
	kind   Publish         // how
	copied bool            // it is a copy of a tree; place is that of the copy
}

// current returns the published tree. The commit is known from the tree's record,
// or from what git knows of a tree that an older git-sync made.
func (r *Repo) current() current {
	out, ok := r.outlet.Current()
	if !ok {
		return current{}
	}
	place, err := filepath.Rel(r.root, cmp.Or(out.Tree, out.Dir))
	if err != nil {
		return current{}
	}
	c := current{place: place, since: out.Since, dir: out.Dir, kind: out.Kind, copied: out.Tree == ""}
	if rec, ok := r.records.At(place); ok {
		c.commit, c.rec, c.whole = rec.Hash, rec, r.records.Intact(rec)
		return c
	}
	if rec, ok := r.records.ByID(out.ID); ok && c.copied {
		c.commit, c.rec, c.whole = rec.Hash, rec, r.state.copy != outlet.Damaged
		return c
	}
	if !c.copied && !r.isTree(place) {
		return current{}
	}
	c.commit = r.commitAt(place, out.ID)
	if _, err := disk.ReadGitlink(filepath.Join(r.root, place)); err != nil {
		c.rec, _ = r.records.MadeAt(place) // it has lost its .git file
	}
	return c
}

// commitAt returns the commit of the tree that is, or was, at place; empty when
// that is not known.
func (r *Repo) commitAt(place, id string) string {
	if rec, ok := r.records.At(place); ok {
		return rec.Hash
	}
	if rec, ok := r.records.MadeAt(place); ok {
		return rec.Hash
	}
	if id != "" {
		if commit := worktree.Head(r.store.Admin(id)); commit != "" {
			return commit
		}
	}
	return r.store.Published()
}

// tree returns the published tree, for a sync that asked for it by name.
func (r *Repo) tree(name string, c current) Tree {
	return Tree{Hash: c.commit, Ref: name, Path: c.dir, rec: c.rec}
}

// condition says in which condition the published tree is, by the cheap checks and
// by what is known of it from before.
func (r *Repo) condition(c current) condition {
	switch {
	case !r.state.checked:
		return unchecked
	case c.place == "":
		return missing
	case c.rec.ID == "" && !c.copied && !isOurStore(r.store.Dir()):
		// An older git-sync has made it, of which there is no record.
		admin, err := disk.ReadGitlink(filepath.Join(r.root, c.place))
		if err != nil || worktree.Head(admin) == "" {
			return damaged
		}
		return intact
	case !c.whole, !c.copied && r.records.Damaged[c.rec.ID]:
		return damaged
	case c.copied && r.state.copy == outlet.Unverified:
		return unverified
	case c.copied:
		return intact
	case !r.records.Verified[c.rec.ID] && c.rec.Boot != disk.BootID():
		return unverified
	default:
		return intact
	}
}

// check makes the cheap checks of the published tree, and reports its condition.
func (r *Repo) check() current { return r.observe("") }

// observe refreshes what Published answers from the disk; ref is the name under
// which it was found, if that is known.
func (r *Repo) observe(ref string) current {
	c := r.current()
	r.state.condition = r.condition(c)
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	rev := &r.report.revision // what is lost is reported as it was
	if c.place != "" {
		rev.Path, rev.Since = c.dir, c.since
		if c.commit != "" {
			rev.Hash = c.commit
		}
	}
	if ref != "" {
		rev.Ref = ref
	}
	rev.Unusable = r.state.condition.why()
	return c
}

// checkFromOutside reports the condition of the published tree where this process cannot
// work on the root, because another one does or because the disk does not let
// it: by what the records say.
func (r *Repo) checkFromOutside() {
	if r.state.started {
		return
	}
	if r.store.Load(); r.store.Usable() {
		_ = r.records.Load() // unreadable: then nothing is known of the tree
	}
	r.state.checked = true
	r.observe("")
}

// kind is how trees are to be published.
func (r *Repo) kind() Publish { return cmp.Or(r.opts.Publish, PublishLink) }

// inspect looks at a copy that consumers may have written to.
func (r *Repo) inspect(ctx context.Context) {
	if c := r.current(); c.copied {
		ctx, cancel := r.half(ctx)
		defer cancel()
		r.state.copy = r.outlet.Inspect(ctx)
	}
}

// isWanted reports whether the published tree is what is wanted; it then notes the
// name under which that was found.
func (r *Repo) isWanted(c current, want target) bool {
	if !c.whole || c.kind != r.kind() || c.commit != want.Commit || !r.opts.Layout.Names(c.rec.Place) || !r.trees.AsNow(c.rec, want.recipe) ||
		!c.copied && r.records.Damaged[c.rec.ID] || !r.store.Current() || !r.trusted(want) {
		return false
	}
	if rev, _ := r.Published(); rev.Ref != want.Name {
		r.observe(want.Name)
	}
	return true
}

// isTree reports whether the directory at place below the root is a tree made by
// some git-sync: it has a record, or a .git file that points into the root's store.
// The admin directory itself may be gone.
func (r *Repo) isTree(place string) bool {
	dir := filepath.Join(r.root, place)
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	admin, err := disk.ReadGitlink(dir)
	bare := outlet.LayoutHash.Names(place) // others use such names too
	switch {
	case errors.Is(err, disk.ErrEmptyGitlink) && !bare:
		return true // only a power cut leaves one
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, disk.ErrEmptyGitlink):
		// One of ours that has lost its .git file?
		if published, _ := r.outlet.Current(); published.Tree != dir {
			return r.records.ReplacedAt(place)
		}
		_, made := r.records.MadeAt(place)
		return made
	case err != nil:
		return false
	case bare:
		return filepath.Dir(admin) == r.store.Path(disk.Admins)
	}
	// Older git-syncs wrote absolute paths, which are off when the volume is
	// mounted elsewhere: what identifies the store is ".git/worktrees/<id>".
	return strings.HasSuffix(filepath.Dir(admin), "/"+disk.GitName+"/"+disk.Admins)
}

// places returns the trees in the root, of any layout, relative to it.
func (r *Repo) places() ([]string, error) {
	var places []string
	for _, dir := range outlet.Dirs() {
		entries, err := os.ReadDir(filepath.Join(r.root, dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing trees: %w", err)
		}
		for _, e := range entries {
			if place := filepath.Join(dir, e.Name()); e.IsDir() && outlet.IsPlace(place) && r.isTree(place) {
				places = append(places, place)
			}
		}
	}
	return places, nil
}

// replacedAt is when a tree that is not published went out of publication, or
// later. It is noted in the tree's record, by which it is known after a restart, and
// when the tree is the spare.
func (r *Repo) replacedAt(place string) (time.Time, error) {
	rec, recorded := r.records.At(place)
	since, known := r.state.replaced[place]
	if !known {
		since = rec.Unpublished
	}
	if since.IsZero() {
		if since = r.current().since; since.IsZero() { // it was replaced then, or before
			since = r.opts.Now()
		}
	}
	if now := r.opts.Now(); since.After(now) {
		since = now // the clock was set back
	}
	if !recorded {
		r.state.replaced[place] = since
		return since, nil
	}
	return since, r.noteReplaced(rec, since)
}

// noteReplaced notes when the tree of rec went out of publication; zero: it is
// about to be published.
func (r *Repo) noteReplaced(rec worktree.Record, at time.Time) error {
	if rec.Unpublished.Equal(at) {
		return nil
	}
	rec.Unpublished = at
	return r.records.Save(rec)
}
