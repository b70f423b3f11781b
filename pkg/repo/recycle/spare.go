package recycle

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
	"git-sync/pkg/repo/worktree"
)

// Mode says how a new tree is made.
type Mode string

// The values of Mode.
const (
	Auto    Mode = "auto"    // recycle where that is provably equal to a full checkout
	Recycle Mode = "recycle" // the same, without waiting for the grace to pass
	Full    Mode = "full"    // always from nothing
)

const (
	spareName = "aside"
	// minGrace is the least time that a tree is out of publication before it
	// is recycled: a reader may still walk it by an open directory.
	minGrace = 5 * time.Second
	// MinFiles is the number of files from which on recycling is faster
	// than a full checkout (docs/performance.md): it takes one process more.
	MinFiles = 500
)

// Recycler keeps one spare tree in a store.
type Recycler struct {
	*worktree.Options
	Mode         Mode
	StaleTimeout time.Duration
	Unread       bool // nobody reads trees that are replaced
	Store        disk.GitDir
	Records      *worktree.Records
	Now          func() time.Time
}

// Spare is a tree kept for recycling.
type Spare struct {
	Dir string
	rec worktree.Record
	// since is when the tree went out of publication, or later.
	since time.Time
	// pristine says that the tree is proved to be untouched.
	pristine bool
}

// Spare returns the spare tree, if there is one.
func (r Recycler) Spare() (Spare, bool) {
	entries, err := os.ReadDir(r.Store.Own(spareName))
	if err != nil || len(entries) == 0 {
		return Spare{}, false
	}
	e := entries[0]
	s := Spare{Dir: filepath.Join(r.Store.Own(spareName), e.Name())}
	rec, ok := r.Records.ByID(e.Name())
	info, err := e.Info()
	if !ok || err != nil {
		return s, true
	}
	s.rec, s.since = rec, info.ModTime()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		s.since = time.Unix(stat.Ctim.Unix()) // rename(2) sets it: the tree was not set aside before
	}
	if !rec.Unpublished.IsZero() {
		s.since = rec.Unpublished
	}
	return s, true
}

// Keep makes the tree at place, which has been replaced, the spare, where it can be
// recycled at all; else it is discarded.
func (r Recycler) Keep(place string) error {
	dir := filepath.Join(r.Root, place)
	rec, ok := r.Records.At(place)
	if !ok || r.Mode == Full || !rec.Plain || index.Count(r.keptIndex(rec)) < r.MinKept {
		return r.Trash.Discard(dir)
	}
	if err := errors.Join(r.Drop(), r.Store.MkdirAll(r.Store.Own(spareName))); err != nil {
		return err
	}
	if os.Rename(dir, filepath.Join(r.Store.Own(spareName), rec.ID)) != nil {
		return r.Trash.Discard(dir)
	}
	return nil
}

func (r Recycler) keptIndex(rec worktree.Record) string {
	return filepath.Join(r.Store.Admin(rec.ID), worktree.KeptIndex)
}

// Drop gives up the spare.
func (r Recycler) Drop() error {
	entries, err := os.ReadDir(r.Store.Own(spareName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, r.Trash.Discard(filepath.Join(r.Store.Own(spareName), e.Name())))
	}
	return err
}

// Suitable returns the spare when the tree of rec can be made from it. What will
// never do is given up, so that it is not in the way of a full checkout.
func (r Recycler) Suitable(ctx context.Context, g *git.Git, rec worktree.Record) (Spare, bool) {
	s, ok := r.Spare()
	if !ok {
		return Spare{}, false
	}
	if left := r.grace() - r.Now().Sub(s.since); left > 0 && s.rec.ID != "" {
		r.Log.V(1).Info("checking out in full", "because", "the spare tree may still be read", "for", left.Round(time.Millisecond).String())
		return Spare{}, false
	}
	why, err := r.unsuitable(ctx, g, s, rec)
	if err == nil && why == "" {
		err = Pristine(ctx, r.Options, r.Store, s.rec, s.Dir)
		if s.pristine = err == nil; err != nil {
			r.Log.V(1).Info("repairing the spare tree before it is used again", "because", err.Error())
		}
		return s, true
	}
	if err != nil {
		why = err.Error()
	}
	r.Log.V(1).Info("checking out in full", "because", why)
	if err := r.Drop(); err != nil {
		r.Log.Error(err, "discarding the spare tree")
	}
	return Spare{}, false
}

func (r Recycler) grace() time.Duration {
	if r.Mode == Recycle || r.Unread {
		return r.StaleTimeout
	}
	return max(r.StaleTimeout, minGrace)
}

// Make makes the tree of rec, as b would build it, from the spare. On failure
// nothing of either is left.
func (r Recycler) Make(ctx context.Context, b worktree.Builder, s Spare, rec *worktree.Record) error {
	if err := r.begin(b, s, *rec); err != nil {
		return errors.Join(err, b.Abandon(*rec))
	}
	if s.pristine {
		return b.Rebuild(ctx, rec, &s.rec, nil)
	}
	return b.Rebuild(ctx, rec, nil, func() error {
		return compare(ctx, r.Options, s.rec, b.Dir, filepath.Join(r.Store.Admin(rec.ID), "index"))
	})
}

// begin turns the spare into the beginning of the tree that b makes. A crash
// from here on leaves an unfinished tree under a temporary name.
func (r Recycler) begin(b worktree.Builder, s Spare, rec worktree.Record) error {
	if err := os.Rename(s.Dir, b.Dir); err != nil {
		return err
	}
	admin := r.Store.Admin(rec.ID)
	if err := r.Store.MkdirAll(admin); err != nil {
		return err
	}
	if err := os.Rename(r.keptIndex(s.rec), filepath.Join(admin, "index")); err != nil {
		return err
	}
	if s.pristine {
		return nil
	}
	// git-lfs would obey a consumer's before git has put the commit's in its place.
	return os.RemoveAll(filepath.Join(b.Dir, worktree.LFSConfig))
}
