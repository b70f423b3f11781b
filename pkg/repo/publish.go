package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/outlet"
	"git-sync/pkg/repo/remote"
)

// errNotPrepared says that the caller has made a mistake.
var errNotPrepared = errors.New("publishing a tree that Prepare did not return")

// Publish publishes t, which Prepare returned. It returns t with its final path, which differs where a tree of the
// same commit was published before. The commit point is the flip of the outlet, or the exchange of the two trees:
// before it the old tree is published, after it the new one.
func (r *Repo) Publish(ctx context.Context, t Tree) (published Tree, err error) {
	defer func() { err = advise(r.root, err) }()
	if t.rec.Place == "" {
		return t, errNotPrepared
	}
	if err := r.enterOwn(ctx, "publication"); err != nil {
		return t, fmt.Errorf("publishing: %w", err)
	}
	defer r.work.Unlock()
	r.jobs.done.Store(false)
	old := r.current()
	if rec, ok := r.records.ByID[t.rec.ID]; ok {
		// Clear the time before the tree is published again: a recorded time must never be too early.
		if err := r.noteReplaced(rec, time.Time{}); err != nil {
			return t, fmt.Errorf("publishing: %w", err)
		}
	}
	if err := r.moveToPlace(&t); err != nil {
		return t, err
	}
	r.state.prepared = t.rec.Place // moveToPlace may have given it another name than Prepare
	if err := r.outlet.Publish(ctx, r.toPublish(t)); err != nil {
		if errors.Is(err, outlet.ErrTouched) {
			r.records.Damaged[t.rec.ID] = true
		}
		r.state.inspected = time.Time{}
		r.inspect(ctx)
		return t, fmt.Errorf("publishing: %w", err)
	}
	r.state.copy = outlet.Intact
	if now, ok := r.outlet.Current(); ok {
		t.Path = now.Dir
	}
	r.state.prepared = ""
	if err := r.notePublished(t, old); err != nil {
		r.opts.Log.Error(err, "recording what is published failed")
	}
	return t, nil
}

// toPublish returns t for the outlet. Only a recycled tree is published by its index: where the file system reports
// other times later than to git, nothing is recycled.
func (r *Repo) toPublish(t Tree) outlet.Tree {
	out := outlet.Tree{Dir: t.Path, ID: t.rec.ID}
	if r.records.Recycled[t.rec.ID] && !r.opts.Hooked {
		out.Index, out.HashSize = filepath.Join(r.store.Admin(t.rec.ID), "index"), len(t.Hash)/2
	}
	return out
}

// notePublished records that t replaces the published tree old.
func (r *Repo) notePublished(t Tree, old current) error {
	var err error
	if old.rec.ID != "" && old.place != t.rec.Place {
		err = r.noteReplaced(old.rec, r.opts.Now())
	}
	err = errors.Join(err, r.store.NotePublished(t.Hash))
	r.refreshReport(t.Ref)
	r.jobs.unflushed.Store(true)
	if r.opts.RefPinned && t.oid != "" && (remote.Target{Name: t.Ref}).IsTag() {
		err = errors.Join(err, r.store.Pin(t.Ref, t.oid))
	}
	r.removeFormerLinks()
	return err
}

// removeFormerLinks removes the link of an earlier configuration, and the links of an older git-sync: their trees are
// about to be removed, and the links would be dangling. The marker forgets them last, so that a crash leaves no
// unknown link. A failure does not fail the sync, and is retried.
func (r *Repo) removeFormerLinks() {
	name, meta := outlet.Name(r.root, r.outlet.Path()), r.store.Meta
	if meta.Link == name && !meta.TakenOver {
		return
	}
	var err error
	former, removed := meta.Link, false
	if former != "" && former != name {
		removed, err = outlet.RemoveFormer(r.root, former)
	}
	if meta.TakenOver {
		err = errors.Join(err, outlet.RemoveLinks(r.root, r.outlet.Path()))
	}
	if err == nil {
		meta.Link, meta.TakenOver = name, false
		err = r.store.Save(meta)
	}
	if err != nil {
		r.opts.Log.Error(err, "removing the former link failed", "path", former)
	} else if removed {
		r.opts.Log.Info("removed the former link", "path", former, "link", name)
	}
}

// moveToPlace moves a tree to its final place, where a published tree of the same commit was.
func (r *Repo) moveToPlace(t *Tree) error {
	final := filepath.Join(r.root, t.rec.Place)
	if t.Path == final {
		return nil
	}
	err := r.exchange(t.Path, final)
	if errors.Is(err, errors.ErrUnsupported) {
		return r.moveBeside(t)
	}
	if err != nil {
		return fmt.Errorf("exchanging the damaged tree for the new one: %w", err)
	}
	replaced := t.Path
	t.Path = final
	if err := r.trees.Trash.Discard(replaced); err != nil {
		r.opts.Log.Error(err, "removing the replaced tree failed") // not returned: the new tree is published already
	}
	return nil
}

// moveBeside gives a tree the next free name beside the published tree of the same commit, and updates git's record
// of its path.
func (r *Repo) moveBeside(t *Tree) error {
	for n := 2; ; n++ {
		place := r.opts.Layout.Place(t.Hash) + "." + strconv.Itoa(n)
		final := filepath.Join(r.root, place)
		if disk.Exists(final) {
			continue
		}
		t.rec.Place = place
		if err := r.records.Move(t.rec); err != nil {
			return err
		}
		if err := os.Rename(t.Path, final); err != nil {
			return fmt.Errorf("putting the new tree in place: %w", err)
		}
		t.Path = final
		return nil
	}
}
