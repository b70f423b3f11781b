package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
)

// tree returns a complete tree for want: one that an interrupted sync has
// left, or a new one, built under a temporary name.
func (s session) tree(ctx context.Context, st store, want target) (Tree, error) {
	if tree, ok := s.reusable(ctx, st, want); ok {
		return tree, nil
	}
	return s.build(ctx, st, want)
}

// reusable looks for a complete tree of the wanted commit and recipe that is
// not published and as good as new.
func (s session) reusable(ctx context.Context, st store, want target) (Tree, bool) {
	if st.dir != s.store.dir {
		return Tree{}, false
	}
	for id, rec := range s.records {
		if rec.Hash != want.Commit || !s.asNow(rec, want.recipe) || s.damaged[id] || !s.opts.Layout.owns(rec.Place) {
			continue
		}
		if got, ok := s.recordOf(rec.Place); !ok || got.id != id || !s.intact(rec.Place, rec) {
			continue
		}
		if !s.checked[id] && s.verify(ctx, rec) != verdictIntact {
			continue
		}
		s.checked[id] = true
		return Tree{Hash: rec.Hash, Ref: want.Name, Path: filepath.Join(s.root, rec.Place), New: true, rel: rec.Place, rec: rec, oid: want.OID}, true
	}
	return Tree{}, false
}

// build makes a new tree of want's commit, from one that was set aside where
// that is provably the same, else in full. On failure nothing of it is left.
func (s session) build(ctx context.Context, st store, want target) (Tree, error) {
	rec := record{Hash: want.Commit, Place: s.opts.Layout.treeRel(want.Commit), Recipe: want.recipe, Boot: bootID(), Maker: maker()}
	if want.Name == "" && want.OID != want.Commit {
		rec.Asked = want.OID
	}
	if from, ok := s.recyclable(ctx, st, want, rec); ok {
		tree, err := s.buildOnce(ctx, st, want, rec, &from)
		if err == nil {
			s.log.V(1).Info("made the tree from the one set aside", "hash", tree.Hash)
			s.count(func(st *Stats) { st.Recycled++ })
		}
		if err == nil || ctx.Err() != nil {
			return tree, err
		}
		s.log.V(1).Info("checking out in full", "because", err.Error())
	}
	tree, err := s.buildOnce(ctx, st, want, rec, nil)
	if _, ok := s.aside(); ok && noSpace(err) {
		// Three trees do not fit; two may.
		s.makeRoom(ctx)
		tree, err = s.buildOnce(ctx, st, want, rec, nil)
	}
	return tree, err
}

// makeRoom gives back at once what is kept for speed, what is in the trash, and
// what a collection of garbage needs for a while.
func (s session) makeRoom(ctx context.Context) {
	if err := errors.Join(s.collector.end(ctx), s.dropAside()); err != nil {
		s.log.Error(err, "making room")
	}
	s.setTrashNext(time.Time{})
	// Many files take long: where the sync's time ends before, it goes on beside.
	s.remover.start(ctx, s.emptyTrash)
	if err := s.remover.wait(ctx); err != nil {
		s.log.V(1).Info("making room takes longer than the sync may", "cause", err.Error())
	}
}

// buildOnce makes a tree under a temporary name beside its place.
func (s session) buildOnce(ctx context.Context, st store, want target, rec record, from *base) (Tree, error) {
	rec.id = want.Commit[:12] + "-" + unique()
	b := builder{session: s, st: st, from: from, dir: filepath.Join(s.root, s.opts.Layout.treesDir(), buildPrefix+rec.id)}
	err := b.checkout(ctx, want, &rec)
	if err == nil {
		err = s.finish(b.dir, rec)
	}
	if err == nil {
		err = saveRecord(st, rec)
	}
	if err != nil {
		if git.KindOf(err) == git.KindUnknown && !noSpace(err) {
			err = errors.Join(err, b.probeSpace(rec))
		}
		return Tree{}, errors.Join(fmt.Errorf("checking out %s: %w", want.Commit, err), b.abandon(rec))
	}
	s.records[rec.id] = rec
	s.checked[rec.id] = true
	return Tree{Hash: want.Commit, Ref: want.Name, Path: b.dir, New: true, rel: rec.Place, rec: rec, oid: want.OID}, nil
}

// builder makes one tree at dir.
type builder struct {
	session
	st   store
	from *base // the tree to begin with; nil: nothing
	dir  string
}

func (b builder) checkout(ctx context.Context, want target, rec *record) error {
	w := worktree{st: b.st, id: rec.id, dir: b.dir, rel: rec.Place, link: gitlink(rec.Place, gitDirName+"/"+adminDirName+"/"+rec.id), commit: rec.Hash}
	if b.from != nil {
		if err := b.begin(*b.from, w); err != nil {
			return err
		}
	}
	if err := w.create(); err != nil {
		return err
	}
	if err := w.writeSparse(want.sparse); err != nil {
		return err
	}
	if err := b.populate(ctx, w); err != nil {
		return err
	}
	if err := b.note(w, rec); err != nil {
		return err
	}
	return b.submodules(ctx, w, rec)
}

// probeSize is about what git buffers of a file before it writes.
const probeSize = 64 << 10

// probeSpace says whether a failed checkout may have filled the disk, or the
// quota: git says "unable to write file" then, without the cause, and takes
// the file away again. A tree that has less room than its objects take up
// packed does not fit.
func (b builder) probeSpace(rec record) error {
	name := filepath.Join(b.dir, tempPrefix+"probe")
	err := os.WriteFile(name, make([]byte, probeSize), 0o600)
	if err = errors.Join(err, remove(name)); err != nil {
		return err
	}
	var fs unix.Statfs_t
	if unix.Statfs(b.dir, &fs) == nil && int64(fs.Bavail)*fs.Bsize < b.weight(rec) {
		return fmt.Errorf("%d MiB are left on the volume: %w", int64(fs.Bavail)*fs.Bsize>>20, unix.ENOSPC)
	}
	return nil
}

// weight is what the objects of a tree and of its submodules take up, in
// bytes, as far as that can be read.
func (b builder) weight(rec record) int64 {
	bytes := int64(0)
	seen := map[string]bool{}
	for _, st := range append([]store{b.st}, b.storesOf(rec)...) {
		if inv, err := st.inventory(); err == nil && !seen[st.dir] {
			bytes += inv.bytes
		}
		seen[st.dir] = true
	}
	return bytes
}

// storesOf returns the store of each of rec's submodules.
func (b builder) storesOf(rec record) []store {
	var stores []store
	for _, m := range rec.Modules {
		stores = append(stores, b.moduleStore(b.st, m.Store))
	}
	return stores
}

// abandon takes what there is of an unfinished tree out of the way; its files,
// which may be many, are the background's to remove.
func (b builder) abandon(rec record) error {
	errs := []error{b.discard(b.dir), os.RemoveAll(b.st.admin(rec.id))}
	for i, st := range b.storesOf(rec) {
		errs = append(errs, os.RemoveAll(st.admin(rec.Modules[i].Admin)))
	}
	return errors.Join(errs...)
}

// worktree is one checkout of one store: the main repository's, or a
// submodule's within it.
type worktree struct {
	st     store
	id     string // admin directory
	dir    string // where the files are while it is made
	rel    string // where they will be, below the root
	link   string // content of its .git file
	commit string
}

// create makes the worktree's directory with its .git file, and its admin
// directory, as gitrepository-layout(5) describes them: what `git worktree
// add` would do, without a process, with relative paths, and locked so that
// no `git worktree prune` or `git gc` of a consumer takes it away.
func (w worktree) create() error {
	if err := os.MkdirAll(w.dir, 0o777); err != nil {
		return err
	}
	if err := os.MkdirAll(w.st.admin(w.id), 0o777); err != nil {
		return err
	}
	for name, content := range map[string]string{
		filepath.Join(w.dir, gitDirName):             w.link,
		filepath.Join(w.st.admin(w.id), "HEAD"):      w.commit + "\n",
		filepath.Join(w.st.admin(w.id), "commondir"): "../..\n",
		filepath.Join(w.st.admin(w.id), "gitdir"):    backPointer(w.rel),
		filepath.Join(w.st.admin(w.id), "locked"):    "in use by git-sync\n",
	} {
		// Plain writes: all of it counts only once the record is there.
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// backPointer is the content of an admin directory's gitdir file: from
// <root>/.git/worktrees/<id> up to the root, and down again to rel.
func backPointer(rel string) string { return "../../../" + rel + "/" + gitDirName + "\n" }

// pointBack writes the back pointers of the tree of rec, and of the submodules
// in it, as its place has changed.
func (r *Repo) pointBack(rec record) error {
	err := os.WriteFile(filepath.Join(r.store.admin(rec.id), "gitdir"), []byte(backPointer(rec.Place)), 0o666)
	for _, m := range rec.Modules {
		name := filepath.Join(r.moduleStore(r.store, m.Store).admin(m.Admin), "gitdir")
		err = errors.Join(err, os.WriteFile(name, []byte(backPointer(fromModule(path.Join(rec.Place, m.Path)))), 0o666))
	}
	return err
}

// fromModule is rel, a path below the root, as a submodule's store has it,
// which is three directories further down than the root's.
func fromModule(rel string) string { return "../../../" + rel }

func (w worktree) writeSparse(patterns []byte) error {
	if patterns == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(w.sparseFile()), 0o777); err != nil {
		return err
	}
	return os.WriteFile(w.sparseFile(), patterns, 0o666)
}

func (w worktree) sparseFile() string {
	return filepath.Join(w.st.admin(w.id), "info", "sparse-checkout")
}

// in makes c work on w's files.
func (w worktree) in(c *git.Command) *git.Command {
	return c.GitDir(w.st.admin(w.id)).WorkTree(w.dir)
}

// sparseConfig makes git obey the patterns of writeSparse, as plain patterns.
func sparseConfig() []git.KV {
	return []git.KV{{Key: "core.sparseCheckout", Value: "true"}, {Key: "core.sparseCheckoutCone", Value: "false"}}
}

// populate lets git write the commit's files: one process.
func (b builder) populate(ctx context.Context, w worktree) error {
	c := git.Cmd("read-tree", "--reset", "-u")
	if b.from != nil && b.from.pristine {
		c = git.Cmd("read-tree", "-m", "-u") // without looking at files that stay
	}
	c = w.in(c.Config(git.KV{Key: "checkout.workers", Value: strconv.Itoa(workers())},
		git.KV{Key: "checkout.thresholdForParallelism", Value: strconv.Itoa(minParallel)}))
	if exists(w.sparseFile()) {
		c.Config(sparseConfig()...)
	}
	if b.opts.Progress != nil {
		c.Arg("-v").Progress(b.opts.Progress)
	}
	if _, err := b.git.Run(ctx, c.Operand(w.commit)); err != nil {
		return errors.Join(err, w.st.dropLFSLogs())
	}
	return nil
}

// minParallel is the number of files from which on workers are worth starting:
// at 100 files, git's own default, they double the CPU of the checkout.
const minParallel = 1000

// workers is how many processes git checks out with. Twice the cores: they
// wait for the disk half of the time (docs/performance.md).
func workers() int { return min(2*runtime.NumCPU(), 8) }

// finish gives the files their modes.
func (s session) finish(dir string, rec record) error {
	mode := rec.Recipe.Permissions
	if mode == 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == gitDirName && name != dir:
			return skip(d)
		case d.Type().IsRegular():
			return os.Chmod(name, mode)
		case d.IsDir():
			// What can be read can be entered: r gives x.
			return os.Chmod(name, mode|mode&0o444>>2|0o300)
		default:
			return nil
		}
	})
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// place moves a tree that has been built to its place, if that is free of
// what is published; else Publish will exchange the two.
func (s session) place(t *Tree) error {
	final := filepath.Join(s.root, t.rel)
	if t.Path == final {
		return nil
	}
	rel, _, published := s.published()
	if published && rel == t.rel {
		return nil
	}
	if exists(final) {
		if !s.isTree(t.rel) {
			return &RefusedError{Path: final, Reason: "is in the way: git-sync did not make it", Remedy: "move it away"}
		}
		if err := s.retire(t.rel); err != nil {
			return err
		}
	}
	if err := os.Rename(t.Path, final); err != nil {
		return fmt.Errorf("putting the new tree in place: %w", err)
	}
	t.Path = final
	return nil
}
