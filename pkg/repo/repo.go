package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/remote"
)

// Repo is one root with one published link. Its methods are called one at a
// time, but for Published and Stats, which may be called at any time.
type Repo struct {
	opts Options
	log  logr.Logger
	root string   // absolute, symlinks resolved
	link string   // absolute, symlinks of its directory resolved
	made []string // directories that Open made, those within others first
	lock *os.File
	// locked and lockName are what was locked, and where; see holds.
	locked   fs.FileInfo
	lockName string

	store   store
	started bool                 // leftovers of earlier runs have been dealt with
	looked  bool                 // what is published has been looked at
	since   time.Time            // when this process took the root over
	records map[string]record    // by admin id; every complete tree of the store
	damaged map[string]bool      // by admin id; trees proved to differ from their commit
	checked map[string]bool      // by admin id; made or verified by this process
	retired map[string]time.Time // by tree name; when it went out of publication

	// prepared is the tree, by name, that Prepare made last and that may be
	// published at any time; the background leaves it alone.
	prepared string

	condition condition // of the published tree
	view      view      // of the published tree, when it was last looked at closely
	tidied    bool      // nothing is left for the background to do
	noticed   time.Time // when the store was last looked at
	unflushed bool      // something was published that may not be on the disk yet
	corrupt   bool      // the store is proved to be corrupt
	verified  string    // the object whose signature was found good last
	seen      inventory // of the store, as the last sync left it

	minRecycled int // files from which on a tree is recycled

	hasLFS bool // git-lfs is installed
	warned bool // of its absence

	remote *remote.Remote

	// swap is exchange, but in tests of what cannot do that.
	swap func(a, b string) error

	work      workLock // held by whoever changes the root or the fields above
	janitor   janitor
	collector janitor // of garbage; beside all else
	remover   janitor // of what is in the trash

	checker   janitor   // compares a doubtful tree with its commit
	checking  bool      // it is at work
	checkNext time.Time // when it may be tried again

	mu    sync.Mutex // guards what follows
	rev   Revision
	stats Stats
	// trashNext is when the trash is to be tried again, and collectNext the
	// collection of garbage.
	trashNext, collectNext time.Time
	collectWait            time.Duration // since the collection that failed last; 0: it did not
	collected              int           // stats.Fetches, when garbage was collected last
}

// Open looks at the root and the link, and refuses what is not ours; it
// creates the root's directory, but writes nothing into it before Prepare.
// An error is a *RefusedError, or says why the root cannot be looked at.
func Open(opts Options) (*Repo, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if local(opts.URL) {
		abs, err := absolute(opts.URL)
		if err != nil {
			return nil, fmt.Errorf("locating the repository: %w", err)
		}
		opts.URL = abs // git does not run where we were started
	}
	r := &Repo{
		work:    newWorkLock(),
		opts:    opts,
		log:     opts.Log,
		swap:    exchange,
		records: map[string]record{},
		damaged: map[string]bool{},
		checked: map[string]bool{},
		retired: map[string]time.Time{},

		minRecycled: minRecycled,
	}
	err := r.locate()
	if err == nil {
		err = r.checkRoot()
	}
	if err == nil {
		err = r.checkLink()
	}
	if err != nil {
		r.Undo()
		return nil, err
	}
	r.store = r.newStore(filepath.Join(r.root, gitDirName))
	r.opts.Git, r.hasLFS = withLFS(r.opts.Git)
	r.remote = remote.New(remote.Options{
		Git: r.opts.Git, Log: r.log, URL: r.opts.URL, Ref: r.opts.Ref, RefPattern: r.opts.RefPattern, RefSemver: r.opts.RefSemver,
		Poll: r.opts.Poll, Config: r.opts.Config,
	})
	r.observe("")
	return r, nil
}

// local reports whether a repository is named by a path, by git's own rule:
// there is no colon before the first slash.
func local(url string) bool {
	before, _, _ := strings.Cut(url, "/")
	return !strings.Contains(before, ":")
}

// locate makes the root's and the link's paths absolute and real, creating
// their directories.
func (r *Repo) locate() error {
	root, err := r.realDir(r.opts.Root)
	if err != nil {
		return fmt.Errorf("preparing the root: %w", err)
	}
	link := strings.TrimRight(r.opts.Link, "/")
	if !filepath.IsAbs(link) {
		link = root + "/" + link
	}
	dir, name := filepath.Split(link)
	if dir, err = r.realDir(dir); err != nil {
		return fmt.Errorf("preparing the directory of the link: %w", err)
	}
	r.root, r.link = root, filepath.Join(dir, name)
	return nil
}

// Root returns the root's path, absolute and without symlinks.
func (r *Repo) Root() string { return r.root }

// absolute is filepath.Abs that leaves the path as it is otherwise. That one
// strikes out "dir/..", which leads elsewhere where dir is a symlink; the
// kernel, and with it git and every shell's mkdir, follows the symlink first.
func absolute(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return wd + "/" + path, nil
}

// realDir creates a directory unless it is there, and returns its absolute
// path without symlinks.
func (r *Repo) realDir(dir string) (string, error) {
	abs, err := absolute(dir)
	if err != nil {
		return "", err
	}
	if err := r.makeDir(abs); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// makeDir is os.MkdirAll that remembers what it has made. Like that one it
// cuts a path where it is written, for "dir/.." leads elsewhere where dir is a
// symlink.
func (r *Repo) makeDir(path string) error {
	if path = strings.TrimRight(path, "/"); path == "" {
		return nil
	}
	err := os.Mkdir(path, 0o777)
	if errors.Is(err, fs.ErrNotExist) {
		if err = r.makeDir(path[:strings.LastIndex(path, "/")+1]); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o777)
	}
	if err != nil {
		return os.MkdirAll(path+"/", 0o777) // it is there, or it says why it cannot be made
	}
	r.made = append([]string{path}, r.made...)
	return nil
}

// Undo removes the directories that Open has made, if nothing has come into
// them. It is for a run that is refused, after Close.
func (r *Repo) Undo() {
	for _, dir := range r.made {
		_ = unix.Rmdir(dir)
	}
	r.made = nil
}

// Prepare makes the tree that the ref now asks for: it asks the remote, and,
// unless that tree is published and intact, fetches and checks out beside what
// is published. The link is not touched. It blocks until ctx ends at most; a
// failure leaves everything published as it is.
func (r *Repo) Prepare(ctx context.Context, creds git.Overlay) (Tree, error) {
	if err := r.enter(ctx); err != nil {
		return Tree{}, err
	}
	defer r.work.Unlock()
	s := r.session(creds)
	sparse, err := r.sparsePatterns()
	if err != nil {
		return Tree{}, err
	}
	want := target{recipe: r.recipe(sparse), sparse: sparse}
	if guess, ok := s.guess(want); ok {
		tree, err := s.complete(ctx, guess)
		if err == nil || !guessedWrong(err) {
			return tree, err
		}
		s.log.V(1).Info("fetching without asking first failed, asking", "because", err.Error())
	}
	tree, intact := r.look() // once: before asking, which may be for nothing if it is to be restored
	if want, err = s.ask(ctx, want); err != nil {
		return Tree{}, err
	}
	if intact && r.wanted(&tree, want) {
		return tree, nil
	}
	return s.complete(ctx, want)
}

// enter makes the root fit for work, and returns with the work lock held
// unless it fails.
func (r *Repo) enter(ctx context.Context) error {
	if err := r.work.enter(ctx, "sync"); err != nil {
		return err
	}
	err := r.acquire(ctx)
	if err == nil {
		err = r.begin(ctx)
	}
	if err != nil {
		r.glance()
		r.work.Unlock()
		return err
	}
	r.doubt(ctx)
	return nil
}

// complete makes the tree of want, which may be published from then on.
func (s session) complete(ctx context.Context, want target) (Tree, error) {
	s.tidied = false
	defer s.remember()
	tree, err := s.make(ctx, want)
	if err != nil {
		s.janitor.start(ctx, s.tidy) // of what was half made
		return tree, err
	}
	s.prepared = tree.rel
	return tree, nil
}

// Published returns what the link resolves to, or what it did before that was
// lost; ok is false when that is not one of our trees.
func (r *Repo) Published() (Revision, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rev, r.rev.Hash != ""
}

// Close stops what works in the background and lets go of the lock.
func (r *Repo) Close() error {
	r.janitor.stop()
	r.checker.stop()
	r.collector.stop()
	r.remover.stop()
	r.remote.Close()
	if r.lock == nil {
		return nil
	}
	var err error
	if !r.store.usable() {
		err = os.RemoveAll(filepath.Join(r.root, rootTrash)) // of a first sync that was ended: it leaves nothing
	}
	err = errors.Join(err, r.lock.Close())
	r.lock = nil
	return err
}

// observe refreshes what Published answers from the disk.
func (r *Repo) observe(ref string) {
	r.condition = r.judge()
	rev := r.rev // if it is lost: the report says which
	if rel, hash, ok := r.published(); ok {
		rev.Hash, rev.Path = hash, filepath.Join(r.root, rel)
		if info, err := os.Lstat(r.link); err == nil {
			rev.Since = info.ModTime()
		}
	}
	if ref != "" {
		rev.Ref = ref
	}
	rev.Unfit = r.condition.why()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rev = rev
}

// published returns the tree that the link resolves to, relative to the root.
func (r *Repo) published() (rel, hash string, ok bool) {
	target, err := os.Readlink(r.link)
	if err != nil {
		return "", "", false
	}
	hash, ok = hashOfTarget(target)
	if !ok {
		return "", "", false
	}
	dir, err := filepath.EvalSymlinks(r.link)
	if err != nil {
		return "", "", false
	}
	rel, err = filepath.Rel(r.root, dir)
	if err != nil || !r.isTree(rel) {
		return "", "", false
	}
	return rel, hash, true
}

// current returns the published tree when it is what is wanted and passes the
// cheap checks: readlink, stat of the tree, its .git file, the admin
// directory's HEAD, an index. They cost no process.
func (r *Repo) current(want target) (Tree, bool) {
	tree, ok := r.look()
	return tree, ok && r.wanted(&tree, want)
}

// wanted reports whether the published tree, which has passed the cheap checks,
// is what is wanted; it then notes the name under which that was found.
func (r *Repo) wanted(tree *Tree, want target) bool {
	if tree.Hash != want.Commit || !r.asNow(tree.rec, want.recipe) || r.damaged[tree.rec.id] || r.corrupt || !r.store.serves(r.opts) || !r.trusted(want) {
		return false
	}
	tree.Ref = want.Name
	if r.rev.Ref != want.Name {
		r.observe(want.Name)
	}
	return true
}

// intactTree returns the published tree if it is of our layout and passes the
// cheap checks.
func (r *Repo) intactTree() (Tree, bool) {
	rel, hash, ok := r.published()
	if !ok || !r.opts.Layout.owns(rel) {
		return Tree{}, false
	}
	rec, ok := r.recordOf(rel)
	if !ok || !r.intact(rel, rec) {
		return Tree{}, false
	}
	return Tree{Hash: hash, Path: filepath.Join(r.root, rel), rel: rel, rec: rec}, true
}

// errNotPrepared is a mistake of the caller.
var errNotPrepared = errors.New("publishing a tree that Prepare did not return")
