package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"git-sync/pkg/git"
)

// Recycling makes the new tree from one that was replaced, so that an update
// costs what has changed. The replaced tree is set aside in the store, out of
// everyone's sight, together with the index that git wrote when the tree was
// made. As a rule nobody has touched it: that is proved (see untouched), and
// `git read-tree -m -u` writes what differs between that index and the new
// commit, and looks at nothing else.
//
// A tree that was touched is put right first. What is in it beside the index's
// files is removed. Then `git read-tree --reset -u` writes what the new commit
// changes and whatever differs from the index: that is how an edit made by a
// consumer is seen, for every way of changing a file changes its ctime, and
// entries of the same second are compared by content. That the tree is then
// that of the index is proved by a walk; see census.
//
// A tree is recycled only when the result is provably what a full checkout
// would give; see unfit.

const (
	asideName = "aside"
	// keptIndex is a second name of the index as git wrote it when the tree
	// was made: git replaces an index by rename, so this one keeps its content
	// whatever git commands a consumer runs in the tree.
	keptIndex = "git-sync.index"
	// minGrace is the least time that a tree is out of publication before it
	// is recycled: a reader may still walk it by an open directory.
	minGrace = 5 * time.Second
	// minRecycled is the number of files from which on recycling is faster
	// than a full checkout (docs/performance.md): it takes one process more.
	minRecycled = 500
)

// base is a tree set aside.
type base struct {
	dir string
	rec record
	// since is when the tree went out of publication, or later.
	since time.Time
	// pristine says that the tree is proved to be untouched.
	pristine bool
}

// aside returns the tree set aside, if there is one.
func (r *Repo) aside() (base, bool) {
	entries, err := os.ReadDir(r.store.own(asideName))
	if err != nil || len(entries) == 0 {
		return base{}, false
	}
	e := entries[0]
	rec, ok := r.records[e.Name()]
	info, err := e.Info()
	if !ok || err != nil {
		return base{dir: filepath.Join(r.store.own(asideName), e.Name())}, true
	}
	b := base{dir: filepath.Join(r.store.own(asideName), e.Name()), rec: rec, since: info.ModTime()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		b.since = time.Unix(stat.Ctim.Unix()) // rename(2) sets it: the tree was not set aside before
	}
	if !rec.Retired.IsZero() {
		b.since = rec.Retired
	}
	return b, true
}

// setAside keeps a tree that has left the root for the next update, instead
// of the one kept so far.
func (r *Repo) setAside(rel string) error {
	rec, ok := r.recordOf(rel)
	if !ok || r.opts.Checkout == CheckoutFull || !rec.Plain || entryCount(filepath.Join(r.store.admin(rec.id), keptIndex)) < r.minRecycled {
		return r.discard(filepath.Join(r.root, rel))
	}
	if err := r.dropAside(); err != nil {
		return err
	}
	if err := os.MkdirAll(r.store.own(asideName), 0o777); err != nil {
		return err
	}
	return os.Rename(filepath.Join(r.root, rel), filepath.Join(r.store.own(asideName), rec.id))
}

// dropAside gives up the tree set aside.
func (r *Repo) dropAside() error {
	entries, err := os.ReadDir(r.store.own(asideName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, r.discard(filepath.Join(r.store.own(asideName), e.Name())))
	}
	return err
}

// recyclable returns the tree set aside when want can be made from it. What
// will never do is given up, so that it is not in the way of a full checkout.
func (s session) recyclable(ctx context.Context, st store, want target, rec record) (base, bool) {
	if st.dir != s.store.dir {
		return base{}, false
	}
	b, ok := s.aside()
	if !ok {
		return base{}, false
	}
	if left := s.grace() - s.opts.Now().Sub(b.since); left > 0 && b.rec.id != "" {
		s.log.V(1).Info("checking out in full", "because", "the tree set aside may still be read", "for", left.Round(time.Millisecond).String())
		return base{}, false
	}
	why, err := s.unfit(ctx, b, want, rec)
	if err == nil && why == "" {
		b.pristine = s.pristine(ctx, b)
		return b, true
	}
	if err != nil {
		why = err.Error()
	}
	s.log.V(1).Info("checking out in full", "because", why)
	if err := s.dropAside(); err != nil {
		s.log.Error(err, "giving up the tree set aside")
	}
	return base{}, false
}

// pristine reports whether a tree set aside is proved to be untouched.
func (s session) pristine(ctx context.Context, b base) bool {
	u := untouched{umask: umask(), dirMode: b.rec.DirMode}
	err := u.compare(ctx, b.dir, filepath.Join(s.store.admin(b.rec.id), keptIndex), s.store.hashLength())
	if err != nil {
		s.log.V(1).Info("putting the tree set aside right before it is used again", "because", err.Error())
	}
	return err == nil
}

func (r *Repo) grace() time.Duration {
	if r.opts.Checkout == CheckoutRecycle {
		return r.opts.StaleTimeout
	}
	return max(r.opts.StaleTimeout, minGrace)
}

// unfit says why a tree set aside must not be recycled, "" when it may.
func (s session) unfit(ctx context.Context, b base, want target, rec record) (string, error) {
	switch {
	case s.opts.Checkout == CheckoutFull:
		return "--checkout=full", nil
	case b.rec.id == "" || !b.rec.Plain:
		return "the tree set aside has no record", nil
	case b.rec.Recipe != want.recipe:
		return "the options have changed", nil
	case b.rec.Boot != rec.Boot:
		return "the machine was restarted", nil
	case b.rec.Maker != rec.Maker:
		return "it was made by another user, or with another umask", nil
	case want.recipe.Sparse != "":
		return "sparse checkouts are not recycled", nil
	case want.recipe.Permissions != 0:
		return "--change-permissions is set", nil
	case len(b.rec.Modules) > 0 || exists(filepath.Join(b.dir, modulesFile)):
		return "it has submodules", nil
	case s.configured("filter."):
		return "filters are configured", nil
	case s.configured("core.attributesfile") || exists(s.store.path("info/attributes")):
		return "attributes come from outside of the repository", nil
	case s.opts.Checkout == CheckoutAuto && (s.configured("core.trustctime") || s.configured("core.checkstat")):
		// Who asks for recycling as well may know that nobody edits the trees.
		return "core.trustctime or core.checkStat is configured: edits may not be seen", nil
	case !exists(filepath.Join(s.store.admin(b.rec.id), keptIndex)):
		return "its index is gone", nil
	}
	if why := s.unfitLFS(b); why != "" {
		return why, nil
	}
	return s.unfitChange(ctx, b, want)
}

// configured reports whether the user configures something whose name begins
// with prefix, in small letters. Filter programs may write something else for
// the same blob each time.
func (r *Repo) configured(prefix string) bool {
	return slices.ContainsFunc(r.opts.Config, func(kv git.KV) bool { return strings.HasPrefix(strings.ToLower(kv.Key), prefix) })
}

// unfitChange looks at what changes between the two commits: attributes can
// change the content of files whose blobs do not; submodules are not recycled;
// and when most of the files change, writing them all is faster.
func (s session) unfitChange(ctx context.Context, b base, want target) (string, error) {
	c := git.Cmd("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev").GitDir(s.store.dir).MaxOutput(maxDiff)
	res, err := s.git.Run(ctx, c.Operand(b.rec.Hash, want.Commit))
	if err != nil {
		return "", fmt.Errorf("comparing the commits: %w", err)
	}
	changes, why := readDiff(res.Stdout)
	if why != "" {
		return why, nil
	}
	if entries := entryCount(filepath.Join(s.store.admin(b.rec.id), keptIndex)); 2*changes > entries {
		return "most of the files change", nil
	}
	return "", nil
}

// maxDiff is how much output of diff-tree is read: some 50,000 changes. More
// is an error, and so a full checkout.
const maxDiff = 8 << 20

// readDiff reads `git diff-tree --raw -z`: ":<mode> <mode> <hash> <hash>
// <status>\0<path>\0". It counts the changes, or says why the trees must not
// be made from one another.
func readDiff(out string) (changes int, why string) {
	fields := strings.Split(out, "\x00")
	for i := 0; i+1 < len(fields); i += 2 {
		meta := strings.Fields(strings.TrimPrefix(fields[i], ":"))
		if len(meta) != 5 {
			return 0, "the difference cannot be read"
		}
		switch base := path.Base(fields[i+1]); {
		case strings.EqualFold(base, attributesFile):
			return 0, "attributes have changed"
		case fields[i+1] == lfsConfig:
			return 0, "the settings of git-lfs have changed"
		case meta[0] == "160000" || meta[1] == "160000" || base == modulesFile:
			return 0, "submodules have changed"
		}
		changes++
	}
	return changes, ""
}

// begin turns the tree set aside into the beginning of the tree that b makes.
// A crash from here on leaves an unfinished tree under a temporary name.
func (b builder) begin(from base, w worktree) error {
	if err := os.Rename(from.dir, b.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.st.admin(w.id), 0o777); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(b.st.admin(from.rec.id), keptIndex), filepath.Join(b.st.admin(w.id), "index")); err != nil {
		return err
	}
	if from.pristine {
		return nil
	}
	// A consumer's would be obeyed by git-lfs before git has put the commit's in its place.
	if err := os.RemoveAll(filepath.Join(b.dir, lfsConfig)); err != nil {
		return err
	}
	n := w.list()
	if !n.whole {
		return errIndex
	}
	if _, err := b.prune(n, b.dir, ""); err != nil {
		return fmt.Errorf("removing what is not of the commit: %w", err)
	}
	return nil
}

// note proves that a recycled tree is as a fresh one, and notes in rec what of
// a tree depends on more than its commit. That of an untouched one is as it was:
// a commit that changes attributes is not made from another.
func (b builder) note(w worktree, rec *record) error {
	if b.from != nil && b.from.pristine {
		rec.LFS, rec.lfsWhole = b.from.rec.LFS, b.from.rec.lfsWhole
		b.keep(w, rec)
		return nil
	}
	n := w.list()
	if b.from != nil {
		if err := w.plain(n, b.from.rec.DirMode); err != nil {
			return err
		}
	}
	b.keep(w, rec)
	b.noteLFS(w, n, rec)
	return nil
}

// keep notes what a later recycling of the tree needs.
func (b builder) keep(w worktree, rec *record) {
	index := filepath.Join(b.st.admin(w.id), "index")
	info, err := os.Lstat(w.dir)
	// Where the file system has no hard links, nothing is recycled.
	if err != nil || entryCount(index) < b.minRecycled || os.Link(index, filepath.Join(b.st.admin(w.id), keptIndex)) != nil {
		return
	}
	rec.Plain = !exists(w.sparseFile()) && !exists(filepath.Join(w.dir, modulesFile))
	rec.DirMode = info.Mode()
}
