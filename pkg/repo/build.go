package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/store"
	"git-sync/pkg/repo/worktree"
)

// reusable looks for a complete tree of the wanted commit and recipe, left by an
// interrupted sync or published before, that is as good as new.
func (s attempt) reusable(ctx context.Context, want target) (Tree, bool) {
	for id, rec := range s.records.All() {
		if rec.Hash != want.Commit || !s.trees.AsNow(rec, want.recipe) || s.records.Damaged[id] || !s.opts.Layout.Names(rec.Place) {
			continue
		}
		if got, ok := s.records.At(rec.Place); !ok || got.ID != id || !s.records.Intact(rec) {
			continue
		}
		if !s.records.Verified[id] && s.verify(ctx, rec) != worktree.Intact {
			continue
		}
		s.records.Verified[id] = true
		return s.newTree(want, rec, filepath.Join(s.root, rec.Place)), true
	}
	return Tree{}, false
}

func (s attempt) newTree(want target, rec worktree.Record, path string) Tree {
	return Tree{Hash: rec.Hash, Ref: want.Name, Path: path, New: true, rec: rec, oid: want.OID}
}

// build makes a new tree of want's commit beside its place, from the spare where
// that is provably the same, else in full. On failure nothing of it is left.
func (s attempt) build(ctx context.Context, st *store.Store, want target) (Tree, error) {
	rec := worktree.Record{
		Hash: want.Commit, Place: s.opts.Layout.Place(want.Commit), Recipe: want.recipe, Boot: disk.BootID(), Maker: s.trees.Maker(),
	}
	rec.Older = s.madeByOlder(rec.Place)
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
				return s.built(b, recycled, want), nil
			}
			if ctx.Err() != nil {
				return Tree{}, fmt.Errorf("checking out %s: %w", want.Commit, err)
			}
			s.opts.Log.V(1).Info("checking out in full", "because", err.Error())
		}
	}
	tree, err := s.buildInFull(ctx, st, want, rec)
	if _, ok := s.recycler.Spare(); ok && noSpace(err) {
		// Three trees do not fit; two may.
		s.makeRoom(ctx)
		tree, err = s.buildInFull(ctx, st, want, rec)
	}
	return tree, err
}

func (s attempt) buildInFull(ctx context.Context, st *store.Store, want target, rec worktree.Record) (Tree, error) {
	b, rec := s.builder(st, rec)
	if err := b.Build(ctx, &rec, want.sparse); err != nil {
		if git.KindOf(err) == git.KindUnknown && !noSpace(err) {
			err = errors.Join(err, s.probeSpace(st, rec))
		}
		return Tree{}, fmt.Errorf("checking out %s: %w", want.Commit, err)
	}
	if rec.LFSUsed && !s.trees.LFS && !s.state.lfsWarned {
		s.state.lfsWarned = true
		s.opts.Log.Info("the repository keeps files in Git LFS, but git-lfs is not installed: their pointers are published instead",
			"hint", "use the image with git-lfs, or install git-lfs beside git")
	}
	return s.built(b, rec, want), nil
}

// builder returns what makes the tree of rec, under a temporary name, and the record
// with an ID of its own.
func (s attempt) builder(st *store.Store, rec worktree.Record) (worktree.Builder, worktree.Record) {
	rec.ID = rec.Hash[:12] + "-" + disk.Unique()
	return worktree.Builder{
		Options: s.trees, Git: s.git, Store: st.GitDir, Dir: filepath.Join(s.root, s.opts.Layout.Dir(), buildPrefix+rec.ID),
		Obtain: func(ctx context.Context, name, url, commit string) error {
			return st.ObtainModule(ctx, s.git, name, url, commit)
		},
	}, rec
}

func (s attempt) built(b worktree.Builder, rec worktree.Record, want target) Tree {
	s.records.Add(rec)
	return s.newTree(want, rec, b.Dir)
}

// probeSize is about what git buffers of a file before it writes.
const probeSize = 64 << 10

// probeSpace says whether a failed checkout may have filled the disk, or the
// quota: git says "unable to write file" then, without the cause, and takes
// the file away again. A tree that has less room than its objects take up
// packed does not fit.
func (s attempt) probeSpace(st *store.Store, rec worktree.Record) error {
	name := filepath.Join(s.root, buildPrefix+"probe")
	err := os.WriteFile(name, make([]byte, probeSize), 0o600)
	if err = errors.Join(err, disk.Remove(name)); err != nil {
		return err
	}
	var fs unix.Statfs_t
	if unix.Statfs(s.root, &fs) == nil && int64(fs.Bavail)*fs.Bsize < weight(st, rec) {
		return fmt.Errorf("%d MiB are left on the volume: %w", int64(fs.Bavail)*fs.Bsize>>20, unix.ENOSPC)
	}
	return nil
}

// weight is what the objects of a tree and of its submodules take up, in
// bytes, as far as that can be read.
func weight(st *store.Store, rec worktree.Record) int64 {
	stores := map[string]*store.Store{st.Dir(): st}
	for _, m := range rec.Modules {
		module := st.Module(m.Store)
		stores[module.Dir()] = module
	}
	bytes := int64(0)
	for _, each := range stores {
		bytes += each.Size()
	}
	return bytes
}

// makeRoom gives back at once what is kept for speed, what is in the trash, and
// what a collection of garbage needs for a while.
func (r *Repo) makeRoom(ctx context.Context) {
	if err := errors.Join(r.jobs.collect.end(ctx), r.recycler.Drop()); err != nil {
		r.opts.Log.Error(err, "making room")
	}
	r.jobs.removal.reset()
	// Many files take long: where the sync's time ends before, it goes on beside.
	r.jobs.remove.start(ctx, r.emptyTrash)
	if err := r.jobs.remove.wait(ctx); err != nil {
		r.opts.Log.V(1).Info("making room takes longer than the sync may", "cause", err.Error())
	}
}

// place moves a tree that has been built to its place, if that is free of
// what is published; else Publish will exchange the two. An older git-sync may have
// published by another link.
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
