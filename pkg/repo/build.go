package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/store"
	"git-sync/pkg/repo/worktree"
)

// reusable looks for a complete tree of the wanted commit and recipe that needs no new checkout. An interrupted sync
// may have left it, or it was published before.
func (s attempt) reusable(ctx context.Context, want target) (Tree, bool) {
	for id, rec := range s.records.ByID {
		if rec.Hash != want.Commit || !s.trees.MatchesRecipe(rec, want.recipe) || s.records.Damaged[id] || !s.opts.Layout.Names(rec.Place) {
			continue
		}
		if got, ok := s.records.At(rec.Place); !ok || got.ID != id || !s.records.Intact(rec) {
			continue
		}
		if !s.records.Verified[id] && s.verify(ctx, rec) != worktree.Intact {
			continue
		}
		return s.newTree(want, rec, filepath.Join(s.root, rec.Place)), true
	}
	return Tree{}, false
}

// newTree returns the tree of rec at path. It has been verified.
func (s attempt) newTree(want target, rec worktree.Record, path string) Tree {
	s.records.Add(rec)
	return Tree{Hash: rec.Hash, Ref: want.Name, Path: path, Link: s.outlet.Path(), New: true, rec: rec, oid: want.OID}
}

// build makes a new tree of want's commit under a temporary name: from the spare where the result is provably the
// same, else in full. On failure it leaves nothing behind.
func (s attempt) build(ctx context.Context, st *store.Store, want target) (Tree, error) {
	rec := worktree.Record{
		Hash: want.Commit, Place: s.opts.Layout.Place(want.Commit), Recipe: want.recipe, Boot: disk.BootID(), Maker: s.trees.Maker(),
	}
	if want.Name == "" && want.OID != want.Commit {
		rec.Asked = want.OID
	}
	if st == s.store {
		if spare, ok := s.recycler.Suitable(ctx, s.git, rec); ok {
			b, recycled := s.builder(st, rec)
			err := s.recycler.Make(ctx, b, spare, &recycled)
			if err == nil {
				s.opts.Log.V(1).Info("recycled the spare tree", "hash", rec.Hash)
				s.count(func(st *Stats) { st.Recycled++ })
				return s.newTree(want, recycled, b.Dir), nil
			}
			if ctx.Err() != nil {
				return Tree{}, fmt.Errorf("checking out %s: %w", want.Commit, err)
			}
			s.opts.Log.V(1).Info("checking out in full", "reason", err.Error())
		}
	}
	tree, err := s.buildInFull(ctx, st, want, rec)
	if _, ok := s.recycler.Spare(); ok && noSpace(err) {
		// The spare is a third tree: without it, the new one may fit.
		s.makeRoom(ctx)
		tree, err = s.buildInFull(ctx, st, want, rec)
	}
	return tree, err
}

func (s attempt) buildInFull(ctx context.Context, st *store.Store, want target, rec worktree.Record) (Tree, error) {
	b, rec := s.builder(st, rec)
	err := b.Build(ctx, &rec, want.sparse)
	if err == nil {
		err = s.hasSubdir(b.Dir)
	}
	if err != nil {
		if git.KindOf(err) == git.KindUnknown && !noSpace(err) {
			err = errors.Join(err, s.probeSpace(st))
		}
		return Tree{}, fmt.Errorf("checking out %s: %w", want.Commit, err)
	}
	if rec.LFSUsed && !s.trees.LFS && !s.state.lfsWarned {
		s.state.lfsWarned = true
		s.opts.Log.Error(nil, "git-lfs not installed, publishing LFS pointers",
			"hint", "use the image with git-lfs, or install git-lfs beside git")
	}
	return s.newTree(want, rec, b.Dir), nil
}

// hasSubdir fails, and discards the tree at dir, if the tree does not contain --subdir.
func (s attempt) hasSubdir(dir string) error {
	if info, err := os.Lstat(filepath.Join(dir, s.opts.Subdir)); err == nil && info.IsDir() {
		return nil
	}
	return errors.Join(&git.Error{
		Op: "read-tree", Kind: git.KindRefused, Err: fmt.Errorf("no file of the directory %q was checked out", s.opts.Subdir),
		Hinted: "the patterns of --sparse-checkout-file leave out --subdir: add the directory to them",
	}, s.trees.Trash.Discard(dir))
}

// builder returns a builder for the tree of rec, under a temporary name, and the record with a new ID.
func (s attempt) builder(st *store.Store, rec worktree.Record) (worktree.Builder, worktree.Record) {
	rec.ID = rec.Hash[:12] + "-" + disk.Unique()
	return worktree.Builder{
		Options: s.trees, Git: s.git, Store: st.GitDir, Dir: filepath.Join(s.root, s.opts.Layout.Dir(), buildPrefix+rec.ID),
		Obtain: func(ctx context.Context, name, url, commit string) error {
			return st.ObtainModule(ctx, s.git, name, url, commit)
		},
	}, rec
}

// probeSize is about as much of a file as git buffers before it writes.
const probeSize = 64 << 10

// probeSpace reports whether a failed checkout may have filled the disk or the quota. In that case git only says
// "unable to write file", and removes the file again. If less space is left than the packed objects take, the tree
// does not fit.
func (s attempt) probeSpace(st *store.Store) error {
	name := filepath.Join(s.root, buildPrefix+"probe")
	err := os.WriteFile(name, make([]byte, probeSize), 0o600)
	if err = errors.Join(err, disk.Remove(name)); err != nil {
		return err
	}
	var fs unix.Statfs_t
	if unix.Statfs(s.root, &fs) == nil && int64(fs.Bavail)*fs.Bsize < st.Size() {
		return fmt.Errorf("%d MiB are left on the volume: %w", int64(fs.Bavail)*fs.Bsize>>20, unix.ENOSPC)
	}
	return nil
}

// makeRoom frees space at once: the spare, the trash, and the temporary files of a garbage collection.
func (r *Repo) makeRoom(ctx context.Context) {
	if err := errors.Join(r.jobs.collect.end(ctx), r.recycler.Drop()); err != nil {
		r.opts.Log.Error(err, "freeing space failed")
	}
	r.jobs.remove.pause(time.Time{})
	// Removing many files takes long: if the sync's time ends first, the removal continues in the background.
	r.jobs.remove.start(ctx, r.emptyTrash)
	if err := r.jobs.remove.wait(ctx); err != nil {
		r.opts.Log.V(1).Info("freeing space timed out", "error", err.Error())
	}
}

// place moves a new tree to its final place, unless a published tree is there: then Publish exchanges the two. A tree
// of an older git-sync also stays: it may be published by another link.
func (s attempt) place(t *Tree) error {
	final := filepath.Join(s.root, t.rec.Place)
	if t.Path == final || s.current().place == t.rec.Place || s.madeByOlder(t.rec.Place) {
		return nil
	}
	if disk.Exists(final) {
		if !s.isTree(t.rec.Place) {
			return &RefusedError{Path: final, Reason: "is in the way: git-sync did not make it", Remedy: "move it away"}
		}
		if err := s.retire(t.rec.Place); err != nil {
			return err
		}
	}
	if err := os.Rename(t.Path, final); err != nil {
		return fmt.Errorf("putting the new tree in place: %w", err)
	}
	t.Path = final
	return nil
}
