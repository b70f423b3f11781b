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

// errNotPrepared is a mistake of the caller.
var errNotPrepared = errors.New("publishing a tree that Prepare did not return")

// Publish publishes t, which Prepare returned, and returns t as it is
// published: where a tree of the same commit was published, only now t has its
// final path. What the outlet does, or the exchange of the two trees, is the commit
// point: before it the old tree is published, after it the new one.
func (r *Repo) Publish(ctx context.Context, t Tree) (published Tree, err error) {
	defer func() { err = advise(r.root, err) }()
	if t.rec.Place == "" {
		return t, errNotPrepared
	}
	if err := (ownRoot{r}).Enter(ctx, "publication"); err != nil {
		return t, fmt.Errorf("publishing: %w", err)
	}
	defer r.work.Unlock()
	r.jobs.done.Store(false)
	old := r.current()
	if rec, ok := r.records.ByID(t.rec.ID); ok {
		// Before it is published again: what is written of it must never be too early.
		if err := r.noteReplaced(rec, time.Time{}); err != nil {
			return t, fmt.Errorf("publishing: %w", err)
		}
	}
	if err := r.settle(&t); err != nil {
		return t, err
	}
	r.state.prepared = t.rec.Place // settle may have given it another name than Prepare
	if err := r.outlet.Publish(ctx, outlet.Tree{Dir: t.Path, ID: t.rec.ID}); err != nil {
		r.inspect(ctx)
		return t, fmt.Errorf("publishing: %w", err)
	}
	r.state.copy = outlet.Intact
	if now, ok := r.outlet.Current(); ok {
		t.Path = now.Dir
	}
	r.state.prepared = ""
	if err := r.notePublished(t, old); err != nil {
		r.opts.Log.Error(err, "noting what is published")
	}
	return t, nil
}

// notePublished notes that t is published in place of old.
func (r *Repo) notePublished(t Tree, old current) error {
	var err error
	switch {
	case old.place == "" || old.place == t.rec.Place:
	case old.rec.ID == "":
		r.state.replaced[old.place] = r.opts.Now()
	default:
		err = r.noteReplaced(old.rec, r.opts.Now())
	}
	delete(r.state.replaced, t.rec.Place)
	r.observe(t.Ref)
	r.state.unflushed = true
	err = errors.Join(err, r.store.NotePublished(t.Hash))
	if r.opts.RefPinned && t.oid != "" && (remote.Target{Name: t.Ref}).IsTag() {
		err = errors.Join(err, r.store.Pin(t.Ref, t.oid))
	}
	r.removeFormerLink()
	return err
}

// removeFormerLink removes the link that was published before the option for it
// was changed: its tree is about to go, and it would lead nowhere. The marker
// forgets it last, so that a crash leaves no link that is not known. A failure is
// no failure of the sync: it is tried again.
func (r *Repo) removeFormerLink() {
	name, meta := outlet.Name(r.root, r.outlet.Path()), r.store.Meta
	if meta.Link == name {
		return
	}
	var err error
	if meta.Link != "" {
		err = outlet.RemoveFormer(r.root, meta.Link)
	}
	if err == nil {
		meta.Link = name
		err = r.store.Save(meta)
	}
	if err != nil {
		r.opts.Log.Error(err, "removing the link that was published before --link was changed")
	}
}

// settle gives a tree its final place where a published tree of the same
// commit had it.
func (r *Repo) settle(t *Tree) error {
	final := filepath.Join(r.root, t.rec.Place)
	if t.Path == final {
		return nil
	}
	err := r.exchange(t.Path, final)
	if errors.Is(err, errors.ErrUnsupported) {
		return r.settleBeside(t)
	}
	if err != nil {
		return fmt.Errorf("exchanging the damaged tree for the new one: %w", err)
	}
	replaced := t.Path
	t.Path = final
	if err := r.trees.Trash.Discard(replaced); err != nil {
		r.opts.Log.Error(err, "removing the tree that was replaced") // the new one is published already
	}
	return nil
}

// settleBeside gives a tree the next free name beside the published tree of
// the same commit, and tells git where it is now.
func (r *Repo) settleBeside(t *Tree) error {
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
