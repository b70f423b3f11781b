package repo

import (
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

// Repo is one root with one published tree. Its methods are called one at a
// time, but for Published, Stats and Expire, which may be called at any time.
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
	exchange func(a, b string) error // but in tests disk.Exchange

	work  *workLock // held while the root or the state is changed
	state state
	jobs  jobs

	report report
}

// state is what this process knows of the root. It is used with the work lock held.
type state struct {
	started bool // leftovers of earlier runs have been dealt with
	// settled says that what was wanted last was made: what an attempt has fetched
	// and no tree uses is of no more use.
	settled bool
	checked bool // what is published has been checked, as far as that can be done
	since   time.Time
	// replaced is when trees without a record went out of publication, by place.
	replaced map[string]time.Time
	// prepared is the place of the tree that Prepare made last and that may be
	// published at any time; the background leaves it alone.
	prepared  string
	condition condition
	copy      outlet.Condition // of what is published, where that is a copy
	unflushed bool             // something was published that may not be on the disk yet
	examined  time.Time        // when the store was last looked at
	signed    string           // the object whose signature was found good last
	lfsWarned bool             // that git-lfs is not installed
}

// report is what Published and Stats answer, at any time.
type report struct {
	mu        sync.Mutex
	revision  Revision
	stats     Stats
	collected int // stats.Fetches, when garbage was collected last
}

// jobs are the background's.
type jobs struct {
	clean, remove, collect, verify job
	done                           atomic.Bool // nothing is left to clean up until the next tree is made

	removal, collection, verification backoff
}

// Open looks at the root and the link, and refuses what is not ours; it
// creates the root's directory, but writes nothing into it before Prepare.
// An error is a *RefusedError, or says why the root cannot be looked at.
func Open(opts Options) (*Repo, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	r := &Repo{work: newWorkLock(), exchange: disk.Exchange, state: state{replaced: map[string]time.Time{}}}
	err := r.locate(opts)
	if err == nil {
		err = errors.Join(checkRoot(r.root), r.outlet.Check())
	}
	if err != nil {
		r.Undo()
		return nil, advise(opts.Root, err)
	}
	r.assemble(opts)
	r.observe("")
	return r, nil
}

// assemble makes the parts.
func (r *Repo) assemble(opts Options) {
	if opts.copies() {
		opts.StaleTimeout = 0 // nobody reads the trees themselves
	}
	if opts.Subdir != "" && opts.Filter == "" {
		opts.Filter = "blob:none" // the files beside it are not needed
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
		Options: r.trees, Mode: opts.Checkout, StaleTimeout: opts.StaleTimeout, Unread: opts.copies(), Store: r.store.GitDir, Records: r.records, Now: opts.Now,
	}
}

// locate resolves the root's and the link's paths, creating their directories.
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

// Undo removes the directories that Open has made, if nothing has come into
// them. It is for a run that is refused, after Close.
func (r *Repo) Undo() { r.dirs.remove() }

// Prepare makes the tree that the ref now asks for: it asks the remote, and,
// unless that tree is published and intact, fetches and checks out beside what
// is published. What is published is not touched. It blocks until ctx ends at
// most; a failure leaves everything published as it is.
func (r *Repo) Prepare(ctx context.Context, creds git.Overlay) (tree Tree, err error) {
	defer func() { err = advise(r.root, err) }()
	if err := r.enter(ctx); err != nil {
		return Tree{}, err
	}
	defer r.work.Unlock()
	s := r.attempt(creds)
	want, err := r.options()
	if err != nil {
		return Tree{}, err
	}
	if guess, ok := s.guess(want); ok {
		tree, err := s.complete(ctx, guess)
		if err == nil || !guessedWrong(err) {
			return tree, err
		}
		s.opts.Log.V(1).Info("the first fetch failed, polling the remote", "because", err.Error())
	}
	now := r.check() // before asking, which may be for nothing if it is to be restored
	if want, err = s.ask(ctx, want); err != nil {
		return Tree{}, err
	}
	if r.isWanted(now, want) {
		r.state.settled = true
		return r.tree(want.Name, now), nil
	}
	return s.complete(ctx, want)
}

// enter makes the root fit for work, and returns with the work lock held
// unless it fails.
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

// acquire takes the lock on the root. It blocks until the lock is free or ctx
// ends. Where the root is not the directory any more that was locked, the one in
// its place is.
func (r *Repo) acquire(ctx context.Context) error {
	if r.lock.held() {
		if r.lock.holds() {
			return nil
		}
		r.opts.Log.Info("the root has been removed or replaced, beginning anew", "root", r.root)
		_ = r.lock.release() // a directory or an empty file that was removed: there is nothing to lose
		r.state = state{checked: true, condition: r.state.condition, replaced: map[string]time.Time{}, lfsWarned: r.state.lfsWarned}
		r.records.Forget()
		if err := errors.Join(r.dirs.mkdirAll(r.root), r.dirs.mkdirAll(filepath.Dir(r.outlet.Path()))); err != nil {
			return fmt.Errorf("making the root anew: %w", err)
		}
	}
	return r.lock.take(ctx, r.root, func() {
		r.opts.Log.Info("waiting for another git-sync that holds the root", "root", r.root)
		r.checkFromOutside() // the other one looks after what is published
	})
}

// Expire has the next Prepare ask the remote, and not use the answer to an earlier poll of another Repo.
func (r *Repo) Expire() { r.remote.Expire() }

// Published returns what is published, or what was before that was
// lost; ok is false when that is not one of our trees.
func (r *Repo) Published() (Revision, bool) {
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	return r.report.revision, r.report.revision.Hash != ""
}

// Stats returns the counts so far. It may be called at any time.
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

// Close ends what works in the background and releases the lock. It blocks until
// nothing works on the root any more, a sync that is stuck included: until then
// the lock keeps others away from the root.
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
		err = r.trees.Trash.RemoveWithoutStore() // of a first sync that was ended: it leaves nothing
	}
	return errors.Join(err, r.lock.release())
}
