package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Cleaning up happens in the background, between syncs: Clean starts it, the
// next Prepare ends what of it would be in the way. What is replaced goes in
// three steps, each of which may be the last one before a crash: the new tree
// is flushed to the disk; the old one is renamed into the trash, after the
// grace; the trash is emptied.

const trashName = "trash"

// retryTrash is how long what could not be removed is left before it is tried
// again.
const retryTrash = time.Minute

// Clean starts to remove what is no longer needed: trees out of publication
// for longer than the stale timeout, half-made ones, unreachable objects. It
// returns at once. What fails is logged and tried again.
func (r *Repo) Clean(ctx context.Context) error {
	if r.lock == nil || !r.started {
		return nil
	}
	if err := r.work.enter(ctx, "start of the clean-up"); err != nil {
		return err
	}
	tidied := r.tidied
	r.work.Unlock()
	if !tidied {
		r.janitor.start(ctx, r.tidy)
	}
	return nil
}

// Settle waits until what Clean started is done, or ctx ends.
func (r *Repo) Settle(ctx context.Context) error {
	for _, j := range []*janitor{&r.janitor, &r.remover, &r.collector} {
		if err := j.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// tidy is the background's work. It runs without the work lock but for the
// moments in which it takes something away.
func (r *Repo) tidy(ctx context.Context) {
	for ctx.Err() == nil {
		if err := r.flushPublished(ctx); ctx.Err() != nil {
			return
		} else if err != nil {
			r.log.Error(err, "cleaning up is put off: the published tree could not be written to the disk")
			return
		}
		next, err := r.retireStale(ctx)
		if err != nil && ctx.Err() == nil {
			r.log.Error(err, "cleaning up")
		}
		r.remover.start(ctx, r.emptyTrash)
		if r.remover.wait(ctx) != nil {
			return
		}
		// On its own, for it may take minutes: replaced trees go on to be removed.
		r.collector.start(ctx, r.collect)
		if next == 0 {
			r.rest(ctx, err)
			return
		}
		r.janitor.rest()
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// rest notes that there is nothing left to do until something is published.
func (r *Repo) rest(ctx context.Context, failed error) {
	if r.work.enter(ctx, "clean-up") != nil {
		return
	}
	defer r.work.Unlock()
	due, cerr := r.worthCollecting()
	stale, serr := r.replaced()
	r.tidied = errors.Join(failed, cerr, serr) == nil && r.Stats().Stuck == 0 && len(due)+len(stale) == 0
}

// pure reports whether there is nothing in the root but what was just published
// for the first time, so that there is nothing to clean up.
func (r *Repo) pure() bool {
	stale, err := r.replaced()
	modules, merr := r.moduleStores()
	return errors.Join(err, merr) == nil && len(stale)+len(modules) == 0 && !r.hasTrash() && !exists(r.store.path(lfsDir))
}

// replaced returns the trees that are neither published nor about to be; none
// while nothing is published, for then nothing may be removed.
func (r *Repo) replaced() ([]string, error) {
	published, _, ok := r.published()
	if !ok {
		return nil, nil
	}
	trees, err := r.trees()
	return slices.DeleteFunc(trees, func(rel string) bool { return rel == published || rel == r.prepared }), err
}

// hasTrash reports whether there is something in the trash, which may be what
// a repair has replaced.
func (r *Repo) hasTrash() bool {
	return len(r.inTrash()) > 0
}

// trash is where what is replaced goes once there is a store. It may be asked
// for without the work lock.
func (r *Repo) trash() string { return filepath.Join(r.root, gitDirName, ownDirName, trashName) }

// inTrash lists what is in the trash. It needs no lock.
func (r *Repo) inTrash() []string {
	var names []string
	for _, dir := range []string{r.trash(), filepath.Join(r.root, rootTrash)} {
		entries, _ := os.ReadDir(dir) // absent: no trash
		for _, e := range entries {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}

// flushPublished sees to it that what was published is on the disk before what
// it replaced is taken away: a power cut then finds one of them whole.
func (r *Repo) flushPublished(ctx context.Context) error {
	if err := r.work.enter(ctx, "clean-up"); err != nil {
		return err
	}
	replaced, err := r.replaced()
	needed := r.unflushed && (len(replaced) > 0 || r.hasTrash())
	if needed {
		r.unflushed = false
	}
	r.work.Unlock()
	if err != nil || !needed {
		return err
	}
	if err = flush(r.root); err != nil {
		if lerr := r.work.enter(context.WithoutCancel(ctx), "clean-up"); lerr != nil {
			return errors.Join(err, lerr)
		}
		r.unflushed = true
		r.work.Unlock()
	}
	return err
}

// retireStale moves trees whose time is up out of the root, and forgets what
// belongs to no tree. It returns after how long the next tree's time is up, 0
// when there is none.
func (r *Repo) retireStale(ctx context.Context) (time.Duration, error) {
	if err := r.work.enter(ctx, "removal of old trees"); err != nil {
		return 0, err
	}
	defer r.work.Unlock()
	if !r.holds() {
		return 0, nil // what is there now may be another process's
	}
	replaced, err := r.replaced()
	if err != nil || ctx.Err() != nil || r.unflushed && len(replaced) > 0 {
		return 0, errors.Join(err, ctx.Err()) // published anew meanwhile: flush that first
	}
	if _, _, ok := r.published(); !ok {
		return 0, nil
	}
	var next time.Duration
	for _, rel := range replaced {
		since, serr := r.outSince(rel)
		err = errors.Join(err, serr)
		if left := r.opts.StaleTimeout - r.opts.Now().Sub(since); left > 0 {
			if next == 0 || left < next {
				next = left
			}
			continue
		}
		if rerr := r.retire(rel); rerr != nil {
			err = errors.Join(err, rerr)
		}
	}
	return next, errors.Join(err, r.unlinkOlder(), r.forgetAdmins(), r.dropLFS())
}

// retire takes a tree that is not published out of the root.
func (r *Repo) retire(rel string) error {
	_, err := r.outSince(rel)
	if err = errors.Join(err, r.setAside(rel)); err != nil {
		return fmt.Errorf("removing the tree %s: %w", rel, err)
	}
	delete(r.retired, rel)
	if dir := filepath.Dir(rel); dir != r.opts.Layout.treesDir() && dir != "." {
		_ = os.Remove(filepath.Join(r.root, dir)) // of the other layout; goes when it is empty
	}
	return nil
}

// discard renames name, which need not be there, into the trash. It takes no
// longer for a big tree than for a small one.
func (r *Repo) discard(name string) error {
	if !exists(name) {
		return nil
	}
	trash := r.trash()
	if !r.store.usable() {
		trash = filepath.Join(r.root, rootTrash)
	}
	if err := os.MkdirAll(trash, 0o777); err != nil {
		return err
	}
	return os.Rename(name, filepath.Join(trash, unique()))
}

// forgetAdmins removes the admin directories that belong to no tree, with
// those of their submodules.
func (r *Repo) forgetAdmins() error {
	live := map[string]bool{}
	commits := map[string]bool{}
	trees, err := r.trees()
	if err != nil {
		return err
	}
	for _, rel := range append(trees, r.buildsAndAside()...) {
		admin, err := readGitlink(filepath.Join(r.root, rel))
		if err != nil {
			continue
		}
		id := filepath.Base(admin)
		live[id] = true
		for _, m := range r.records[id].Modules {
			live[m.Admin] = true
			commits[m.Store] = true
		}
	}
	stores := []store{r.store}
	modules, err := r.moduleStores()
	if err != nil {
		return err
	}
	for _, m := range modules {
		if !commits[filepath.Base(m.dir)] {
			if err := r.discard(m.dir); err != nil {
				return err
			}
			continue
		}
		stores = append(stores, m)
	}
	for _, st := range stores {
		if err := st.forget(live); err != nil {
			return err
		}
	}
	for id := range r.records {
		if !live[id] {
			delete(r.records, id)
			delete(r.checked, id)
			delete(r.damaged, id)
		}
	}
	return nil
}

// forget removes the admin directories in st that are not live.
func (st store) forget(live map[string]bool) error {
	entries, err := os.ReadDir(st.path(adminDirName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("listing admin directories: %w", err)
	}
	for _, e := range entries {
		if !live[e.Name()] {
			if err := os.RemoveAll(st.admin(e.Name())); err != nil {
				return fmt.Errorf("removing an admin directory: %w", err)
			}
		}
	}
	return nil
}

// buildsAndAside returns the trees, relative to the root, that are not in
// their place.
func (r *Repo) buildsAndAside() []string {
	var rels []string
	for _, dir := range []string{".", worktreesDir} {
		entries, _ := os.ReadDir(filepath.Join(r.root, dir)) // absent: none
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), buildPrefix) {
				rels = append(rels, filepath.Join(dir, e.Name()))
			}
		}
	}
	if b, ok := r.aside(); ok {
		if rel, err := filepath.Rel(r.root, b.dir); err == nil {
			rels = append(rels, rel)
		}
	}
	return rels
}

// moduleStores returns the submodules' stores.
func (r *Repo) moduleStores() ([]store, error) { return r.modulesOf(r.store) }

// modulesOf returns the submodules' stores below st.
func (r *Repo) modulesOf(st store) ([]store, error) {
	entries, err := os.ReadDir(st.own("modules"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing submodules: %w", err)
	}
	var stores []store
	for _, e := range entries {
		stores = append(stores, r.moduleStore(st, e.Name()))
	}
	return stores, nil
}

// emptyTrash removes what is in the trash. What cannot be removed, files of
// another UID in a tree perhaps, is counted, and left for later.
func (r *Repo) emptyTrash(ctx context.Context) {
	r.mu.Lock()
	wait := r.opts.Now().Before(r.trashNext)
	r.mu.Unlock()
	if wait {
		return
	}
	stuck := 0
	for _, name := range r.inTrash() {
		if ctx.Err() != nil {
			return
		}
		if err := removeTree(name); err != nil {
			stuck++
			r.log.V(1).Info("could not be removed, trying again later", "path", name, "cause", err.Error())
		}
	}
	_ = os.Remove(filepath.Join(r.root, rootTrash)) // goes when it is empty
	if stuck > 0 {
		r.setTrashNext(r.opts.Now().Add(retryTrash))
	}
	r.count(func(s *Stats) {
		if stuck > 0 && s.Stuck == 0 {
			r.log.Info("replaced trees cannot be removed; they are set aside and tried again", "count", stuck, "dir", r.trash(),
				"hint", "somebody wrote files into the published tree as another user")
		}
		s.Stuck = stuck
	})
}

func (r *Repo) setTrashNext(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trashNext = t
}

// removeTree is os.RemoveAll that also removes directories of ours which
// somebody has made read-only.
func removeTree(name string) error {
	err := os.RemoveAll(name)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	walk := filepath.WalkDir(name, func(at string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			return os.Chmod(at, 0o700)
		}
		return err
	})
	return errors.Join(walk, os.RemoveAll(name))
}
