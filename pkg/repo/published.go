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

// condition is the state of the published tree.
type condition int

const (
	unchecked  condition = iota // not checked yet
	intact                      // no problem is known
	unverified                  // written during another boot, and not verified since
	damaged                     // proved to differ from its commit, or git's data for it is missing
	missing                     // there is no published tree
)

// why says why the published tree must not be used; empty if it may be used.
func (c condition) why() string {
	return [...]string{
		unchecked:  "the published worktree has not been checked yet",
		intact:     "",
		unverified: "the published worktree was written before the last boot, and has not been verified yet",
		damaged:    "the published worktree is damaged; git-sync makes it again",
		missing:    "the published worktree is missing; git-sync makes it again",
	}[c]
}

// broken reports whether the published tree must be made again.
func (c condition) broken() bool { return c == damaged || c == missing }

// current is the published tree.
type current struct {
	place  string // relative to the root; empty: none of our trees is published
	commit string // that is, or was, published; empty: not known
	since  time.Time
	rec    worktree.Record // without an ID if there is no record
	whole  bool            // it has a record, and passes the checks that need no process
	dir    string          // what consumers see
	kind   Publish         // how it is published
	copied bool            // it is a copy of a tree; place is the copy's
}

// current returns the published tree. The commit comes from the tree's record, or from git's data for a tree of an
// older git-sync.
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
	if rec, ok := r.records.ByID[out.ID]; ok && c.copied {
		c.commit, c.rec, c.whole = rec.Hash, rec, r.state.copy != outlet.Damaged
		return c
	}
	if !c.copied && !r.isTree(place) {
		return current{commit: r.commitAt(place, out.ID)}
	}
	c.commit = r.commitAt(place, out.ID)
	if _, err := disk.ReadGitlink(filepath.Join(r.root, place)); err != nil {
		c.rec, _ = r.records.MadeAt(place) // the tree has lost its .git file
	}
	return c
}

// commitAt returns the commit of the tree that is, or was, at place; empty if that is not known.
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

// tree returns the published tree, for a sync that wants the ref name.
func (r *Repo) tree(name string, c current) Tree {
	return Tree{Hash: c.commit, Ref: name, Path: c.dir, Link: r.outlet.Path(), rec: c.rec}
}

// condition returns the condition of the published tree, from the cheap checks and from earlier verifications.
func (r *Repo) condition(c current) condition {
	switch {
	case !r.state.checked:
		return unchecked
	case c.place == "":
		return missing
	case c.rec.ID == "" && !c.copied && !isOurStore(r.store.Dir()):
		// An older git-sync has made it, and left no record.
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

// refreshReport updates the result of Published from the disk. ref is the name of the ref; empty keeps the present
// one.
func (r *Repo) refreshReport(ref string) current {
	c := r.current()
	r.state.condition = r.condition(c)
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	rev := &r.report.revision // if the tree is lost, its revision is still reported
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

// checkFromOutside reports the condition of the published tree from the records alone. It is for a process that
// cannot work on the root, because another process holds the lock or because the disk denies access.
func (r *Repo) checkFromOutside() {
	if r.state.started {
		return
	}
	if r.store.Load(); r.store.Usable() {
		_ = r.records.Load() // on error, nothing is known of the tree
	}
	r.state.checked = true
	r.refreshReport("")
}

// inspect checks a published copy, which consumers may have modified. In place, each sync does that. A directory is
// replaced as a whole by the next update anyway, so it is checked as often as a tree is verified.
func (r *Repo) inspect(ctx context.Context) {
	c, now := r.current(), r.opts.Now()
	if !c.copied || c.kind == PublishDirectory && r.state.copy == outlet.Intact && now.Sub(r.state.inspected) < verifyPeriod {
		return
	}
	ctx, cancel := r.half(ctx)
	defer cancel()
	r.state.copy, r.state.inspected = r.outlet.Inspect(ctx), now
}

// isWanted reports whether the published tree is the wanted one. If so, it also records the name of the ref.
func (r *Repo) isWanted(c current, want target) bool {
	if !c.whole || c.kind != r.opts.Publish || c.commit != want.Commit || !r.opts.Layout.Names(c.rec.Place) || !r.trees.MatchesRecipe(c.rec, want.recipe) ||
		!c.copied && r.records.Damaged[c.rec.ID] || !r.store.Current() || !r.trusted(want) {
		return false
	}
	if rev, _ := r.Published(); rev.Ref != want.Name {
		r.refreshReport(want.Name)
	}
	return true
}

// isTree reports whether the directory at place, relative to the root, is a tree that a git-sync made: it has a
// record, or a .git file that points into the root's store. The admin directory may be missing.
func (r *Repo) isTree(place string) bool {
	dir := filepath.Join(r.root, place)
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	admin, err := disk.ReadGitlink(dir)
	bare := outlet.LayoutHash.Names(place) // other programs use such names too
	switch {
	case errors.Is(err, disk.ErrEmptyGitlink) && !bare:
		return true // only a power cut leaves one
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, disk.ErrEmptyGitlink):
		// Is it one of ours that has lost its .git file?
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
	// Older git-syncs wrote absolute paths, which are wrong if the volume is mounted elsewhere. So only
	// ".git/worktrees/<id>" is compared.
	return strings.HasSuffix(filepath.Dir(admin), "/"+disk.GitName+"/"+disk.Admins)
}

// places returns the trees in the root, of every layout, relative to the root.
func (r *Repo) places() ([]string, error) {
	return r.list(func(place string) bool { return outlet.IsPlace(place) && r.isTree(place) })
}

// unfinished returns the trees that are not in their final place yet, relative to the root.
func (r *Repo) unfinished() ([]string, error) {
	return r.list(func(place string) bool { return strings.HasPrefix(filepath.Base(place), buildPrefix) })
}

// list returns the matching entries of the directories that hold trees, relative to the root.
func (r *Repo) list(matches func(place string) bool) ([]string, error) {
	var places []string
	for _, dir := range outlet.Dirs() {
		entries, err := os.ReadDir(filepath.Join(r.root, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("listing trees: %w", err)
		}
		for _, e := range entries {
			if place := filepath.Join(dir, e.Name()); matches(place) {
				places = append(places, place)
			}
		}
	}
	return places, nil
}

// replacedAt returns when a tree was replaced, or a later time. It saves that in the tree's record, for use after a
// restart and while the tree is the spare.
func (r *Repo) replacedAt(place string) (time.Time, error) {
	rec, recorded := r.records.At(place)
	since := rec.Unpublished
	if since.IsZero() {
		if since = r.current().since; since.IsZero() { // it was replaced at that time or before
			since = r.opts.Now()
		}
	}
	if now := r.opts.Now(); since.After(now) {
		since = now // the clock was set back
	}
	if !recorded {
		return since, nil
	}
	return since, r.noteReplaced(rec, since)
}

// noteReplaced records when the tree of rec was replaced; zero: it is about to be published.
func (r *Repo) noteReplaced(rec worktree.Record, at time.Time) error {
	if rec.Unpublished.Equal(at) {
		return nil
	}
	rec.Unpublished = at
	return r.records.Save(rec)
}
