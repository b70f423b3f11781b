package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/outlet"
	"git-sync/pkg/repo/recycle"
	"git-sync/pkg/repo/remote"
	"git-sync/pkg/repo/store"
	"git-sync/pkg/repo/worktree"
)

// Repo is one root with one published tree. Only Published, Stats and Expire may be called concurrently with other
// methods.
type Repo struct {
	opts Options
	root string // absolute, symlinks resolved
	dirs directories
	lock rootLock

	remote   *remote.Remote
	store    *store.Store
	trees    *worktree.Options
	records  *worktree.Records
	recycler recycle.Recycler
	outlet   outlet.Outlet
	exchange func(a, b string) error // disk.Exchange, except in tests

	work  *workLock // held while the root or the state is changed
	state state
	jobs  jobs

	report report
}

// state is what this process knows about the root. The work lock guards it.
type state struct {
	started bool // leftovers of earlier runs have been removed
	// upToDate says that the last attempt succeeded: fetched objects that no tree uses are not needed for another
	// one.
	upToDate bool
	checked  bool // the published tree has been checked, as far as possible
	since    time.Time
	// prepared is the place of the tree that Prepare made last. It may be published at any time, so the background
	// jobs do not touch it.
	prepared  string
	condition condition
	copy      outlet.Condition // of the published copy, if it is a copy
	inspected time.Time        // when copy was found out
	signed    string           // the object whose signature was last found good
	lfsWarned bool             // the log has said that git-lfs is not installed
}

// report holds the results of Published and Stats.
type report struct {
	mu        sync.Mutex
	revision  Revision
	stats     Stats
	collected int // stats.Fetches at the last garbage collection
}

// jobs are the background jobs.
type jobs struct {
	clean, remove, collect, verify job
	unflushed                      atomic.Bool // the published tree may not be on the disk yet
	done                           atomic.Bool // nothing to clean up until the next tree is made
}

// Open checks the root and the link, and refuses paths that git-sync did not make. It creates the root's directory,
// but writes nothing into it before Prepare. If the root or the link is refused, the error is a *RefusedError.
func Open(opts Options) (*Repo, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.Publish = cmp.Or(opts.Publish, PublishLink)
	r := &Repo{opts: opts, work: newWorkLock(), exchange: disk.Exchange}
	err := r.locate(opts)
	if err == nil {
		err = errors.Join(checkRoot(r.root), r.outlet.Check())
	}
	if err == nil {
		if _, published := r.outlet.Current(); !published { // otherwise the revision can be used meanwhile
			err = r.checkWritable()
		}
	}
	if err != nil {
		r.Undo()
		return nil, advise(opts.Root, err)
	}
	r.assemble(opts)
	r.report.revision.LastSuccess = r.store.LastSuccess()
	r.refreshReport("")
	return r, nil
}

// assemble creates the parts.
func (r *Repo) assemble(opts Options) {
	copies := opts.Publish != PublishLink
	if copies {
		opts.StaleTimeout = 0 // consumers read the copy, not the trees
	}
	if opts.Subdir != "" && opts.Filter == "" {
		opts.Filter = "blob:none" // files outside the subdirectory are not needed
	}
	lfs := false
	opts.Git, lfs = worktree.WithLFS(opts.Git)
	r.opts = opts
	asks := remote.Options{Git: opts.Git, Log: opts.Log, Wanted: opts.Wanted, Config: opts.Config}
	if opts.Sharing != nil {
		asks.Sharing = opts.Sharing()
	}
	r.remote = remote.New(asks)
	r.store = store.At(filepath.Join(r.root, disk.GitName), &store.Options{
		Root: r.root, Git: opts.Git, Log: r.opts.Log, URL: opts.URL, Depth: opts.Depth, Filter: opts.Filter, GC: opts.GC,
		GroupWrite: opts.GroupWrite, Progress: opts.Progress,
		Fetched: func() { r.count(func(s *Stats) { s.Fetches++ }) },
	})
	r.trees = &worktree.Options{
		Git: opts.Git, Log: r.opts.Log, Root: r.root, Trash: disk.Trash{Root: r.root, Shared: opts.GroupWrite}, URL: opts.URL,
		Content: opts.Content, Depth: opts.Depth, LFS: lfs, Progress: opts.Progress, MinKept: recycle.MinFiles,
	}
	r.records = worktree.NewRecords(r.root, r.store.GitDir)
	r.recycler = recycle.Recycler{
		Options: r.trees, Mode: opts.Checkout, StaleTimeout: opts.StaleTimeout, Copied: copies, Store: r.store.GitDir, Records: r.records, Now: opts.Now,
	}
}

// locate resolves the paths of the root and the link, and creates their directories.
func (r *Repo) locate(opts Options) error {
	r.dirs.shared, r.lock.shared = opts.GroupWrite, opts.GroupWrite
	root, err := r.dirs.real(opts.Root)
	if err != nil {
		return fmt.Errorf("preparing the root: %w", err)
	}
	link := strings.TrimRight(opts.Link, "/")
	if !filepath.IsAbs(link) {
		link = root + "/" + link
	}
	dir, name := filepath.Split(link)
	if dir, err = r.dirs.real(dir); err != nil {
		return fmt.Errorf("preparing the directory of the link: %w", err)
	}
	r.root, r.outlet = root, outlet.New(opts.Publish, outlet.Place{
		Root: root, Name: filepath.Join(dir, name), Subdir: opts.Subdir, StaleTimeout: opts.StaleTimeout, Shared: opts.GroupWrite, Now: opts.Now,
		Exchange: func(a, b string) error { return r.exchange(a, b) },
	})
	return nil
}

// Root returns the root's path, absolute and without symlinks.
func (r *Repo) Root() string { return r.root }

// Undo removes the directories that Open created, if they are empty. It is for a run that is refused, and is called
// after Close.
func (r *Repo) Undo() { r.dirs.remove() }

// Prepare makes the tree that the ref now asks for. It polls the remote. Unless that tree is published and intact, it
// fetches, and checks out beside the published tree. It does not touch what is published, also if it fails. It blocks
// until ctx ends at the latest.
func (r *Repo) Prepare(ctx context.Context, creds git.Overlay) (tree Tree, err error) {
	defer func() { err = advise(r.root, err) }()
	if err := r.enter(ctx); err != nil {
		return Tree{}, err
	}
	defer r.work.Unlock()
	s := r.attempt(creds)
	want, err := r.newTarget()
	if err != nil {
		return Tree{}, err
	}
	if guess, ok := s.guess(want); ok {
		tree, err := s.complete(ctx, guess)
		if err == nil || !guessedWrong(err) {
			return tree, err
		}
		s.opts.Log.V(1).Info("first fetch failed, polling the remote", "error", err.Error())
	}
	now := r.refreshReport("") // before the poll: ask needs to know whether to leave time for Restore
	if want, err = s.ask(ctx, want); err != nil {
		return Tree{}, err
	}
	if r.isWanted(now, want) {
		r.state.upToDate = true
		return r.tree(want.Name, now), nil
	}
	return s.complete(ctx, want)
}

// enter prepares the root for work. It returns with the work lock held, unless it fails.
func (r *Repo) enter(ctx context.Context) error {
	if err := r.work.Enter(ctx, "sync"); err != nil {
		return err
	}
	err := r.acquire(ctx)
	if err == nil {
		err = r.begin(ctx)
	}
	if err != nil {
		r.checkFromOutside()
		r.work.Unlock()
		return err
	}
	r.verifyInBackground(ctx)
	return nil
}

// acquire takes the lock on the root. It blocks until the lock is free or ctx ends. If the root's directory has been
// replaced since it was locked, it locks the new one.
func (r *Repo) acquire(ctx context.Context) error {
	if r.lock.held() {
		if r.lock.holds() {
			return nil
		}
		r.opts.Log.Info("root replaced, starting over", "root", r.root)
		_ = r.lock.release() // the locked file or directory is gone, so an error does not matter
		r.state = state{checked: true, condition: r.state.condition, lfsWarned: r.state.lfsWarned}
		r.records.Forget()
		if err := errors.Join(r.dirs.mkdirAll(r.root), r.dirs.mkdirAll(filepath.Dir(r.outlet.Path()))); err != nil {
			return fmt.Errorf("creating the root again: %w", err)
		}
	}
	defer r.count(func(s *Stats) { s.Waiting = "" })
	return r.lock.take(ctx, r.root, func() {
		r.opts.Log.Info("waiting for another git-sync", "root", r.root, "hint", oneWriter)
		r.count(func(s *Stats) { s.Waiting = "another git-sync holds the root" })
		r.checkFromOutside() // the other process keeps the published tree up to date
	})
}

// Expire makes the next Prepare poll the remote, instead of using another Repo's earlier poll.
func (r *Repo) Expire() { r.remote.Expire() }

// Published returns the published revision, or the last one if its tree was lost. ok is false if nothing that
// git-sync made is published.
func (r *Repo) Published() (Revision, bool) {
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	return r.report.revision, r.report.revision.Hash != ""
}

// Succeeded records in the root that a sync has succeeded, for the next process. It blocks until ctx ends at the
// latest.
func (r *Repo) Succeeded(ctx context.Context) {
	err := r.enterOwn(ctx, "sync")
	if err == nil {
		defer r.work.Unlock()
		err = r.store.NoteSuccess(r.opts.Now())
	}
	if err != nil {
		r.opts.Log.V(1).Info("noting the time of the last success failed", "error", err.Error())
	}
}

// Stats returns the counts so far. It is safe for concurrent use.
func (r *Repo) Stats() Stats {
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	return r.report.stats
}

func (r *Repo) count(change func(*Stats)) {
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	change(&r.report.stats)
}

// Close ends the background jobs and releases the lock. It blocks until nothing works on the root any more, even if a
// sync hangs: until then, the lock keeps other processes away from the root.
func (r *Repo) Close() error {
	var ending sync.WaitGroup
	for _, j := range []*job{&r.jobs.clean, &r.jobs.verify, &r.jobs.collect, &r.jobs.remove} {
		ending.Go(j.stop)
	}
	ending.Wait()
	r.work.Lock()
	defer r.work.Unlock()
	r.remote.Close()
	if !r.lock.held() {
		return nil
	}
	var err error
	if !r.store.Usable() {
		err = r.trees.Trash.Remove() // of a first sync that was cancelled
	}
	return errors.Join(err, r.lock.release())
}
