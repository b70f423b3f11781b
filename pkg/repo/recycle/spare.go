package recycle

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
	Recycle Mode = "recycle" // the same, but without the minimum grace
	Full    Mode = "full"    // never recycle
)

const (
	spareName = "spare"
	// minGrace is the least time after which a replaced tree is recycled: a reader may still be walking it through an
	// open directory.
	minGrace = 5 * time.Second
	// MinFiles is the number of files from which recycling is faster than a full checkout, although it needs one more
	// process (docs/performance.md).
	MinFiles = 500
)

// Recycler keeps one spare tree in a store.
type Recycler struct {
	*worktree.Options
	Mode         Mode
	StaleTimeout time.Duration
	Copied       bool // consumers do not read the trees themselves, and each file is compared with the index when it is copied
	Store        disk.GitDir
	Records      *worktree.Records
	Now          func() time.Time
}

// Spare is a tree that is kept for recycling.
type Spare struct {
	Dir string
	rec worktree.Record // without an ID if there is no record
}

// Spare returns the spare tree, if there is one.
func (r Recycler) Spare() (Spare, bool) {
	entries, err := os.ReadDir(r.Store.Own(spareName))
	if err != nil || len(entries) == 0 {
		return Spare{}, false
	}
	id := entries[0].Name()
	rec, _ := r.Records.ByID[id]
	return Spare{Dir: filepath.Join(r.Store.Own(spareName), id), rec: rec}, true
}

// Keep makes the replaced tree at place the spare. If it can never be recycled, Keep discards it.
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

// Drop discards the spare.
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

// Suitable returns the spare if the tree of rec can be made from it. It drops a spare that cannot be used, so that it
// takes no space from a full checkout.
func (r Recycler) Suitable(ctx context.Context, g *git.Git, rec worktree.Record) (Spare, bool) {
	s, ok := r.Spare()
	if !ok {
		return Spare{}, false
	}
	if left := r.grace() - r.Now().Sub(s.rec.Unpublished); left > 0 && s.rec.ID != "" {
		r.Log.V(1).Info("checking out in full", "reason", "the spare tree may still be read", "for", left.Round(time.Millisecond).String())
		return Spare{}, false
	}
	why, err := r.unsuitable(ctx, g, s, rec)
	if compared := r.Copied && !r.Hooked && r.Records.Recycled[s.rec.ID]; err == nil && why == "" && !compared {
		err = Pristine(ctx, r.Options, r.Store, s.rec, s.Dir)
	}
	if err == nil && why == "" {
		return s, true
	}
	if err != nil {
		why = err.Error()
	}
	r.Log.V(1).Info("checking out in full", "reason", why)
	if err := r.Drop(); err != nil {
		r.Log.Error(err, "discarding the spare tree failed")
	}
	return Spare{}, false
}

func (r Recycler) grace() time.Duration {
	if r.Mode == Recycle || r.Copied {
		return r.StaleTimeout
	}
	return max(r.StaleTimeout, minGrace)
}

// Make makes the tree of rec from the spare, with the same result as b.Build. On failure, it leaves nothing of the
// two trees.
func (r Recycler) Make(ctx context.Context, b worktree.Builder, s Spare, rec *worktree.Record) error {
	if err := r.begin(b, s, *rec); err != nil {
		return errors.Join(err, b.Abandon(*rec))
	}
	err := b.Rebuild(ctx, rec, s.rec)
	if err == nil {
		r.Records.Recycled[rec.ID] = true
	}
	return err
}

// begin moves the spare to the place where b makes its tree. After that, a crash leaves an unfinished tree under a
// temporary name.
func (r Recycler) begin(b worktree.Builder, s Spare, rec worktree.Record) error {
	if err := os.Rename(s.Dir, b.Dir); err != nil {
		return err
	}
	admin := r.Store.Admin(rec.ID)
	if err := r.Store.MkdirAll(admin); err != nil {
		return err
	}
	return os.Rename(r.keptIndex(s.rec), filepath.Join(admin, "index"))
}
