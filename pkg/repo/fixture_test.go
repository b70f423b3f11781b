package repo

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/remote"
	"git-sync/test/gitserver"
)

// fixture is a root, an upstream, and a git-sync that can be restarted.
type fixture struct {
	t    *testing.T
	up   *gitserver.Repo
	opts Options
	repo *Repo
	logs []string

	timeout     time.Duration // of a sync; 0: a minute
	minRecycled int           // files from which on a tree is recycled; 0: fewer than many

	skew atomic.Int64 // by which the clock of git-sync is ahead, in nanoseconds

	mu  sync.Mutex
	ops []string // git commands that have ended
}

func newFixture(t *testing.T, change ...func(*Options)) *fixture {
	t.Helper()
	up := gitserver.NewRepo(t)
	f := &fixture{t: t, up: up}
	f.opts = Options{
		Root:     filepath.Join(t.TempDir(), "root"),
		Link:     "link",
		Layout:   LayoutRev,
		Source:   Source{Wanted: remote.Wanted{URL: up.FileURL(), Ref: "main"}, Depth: 1},
		Content:  Content{Submodules: SubmodulesRecursive, Umask: umask()},
		Checkout: CheckoutAuto,
		GC:       GCAuto,
		Now:      func() time.Time { return time.Now().Add(time.Duration(f.skew.Load())) },
		Log:      funcr.New(func(_, args string) { f.logs = append(f.logs, args) }, funcr.Options{Verbosity: 1}),
	}
	for _, c := range change {
		c(&f.opts)
	}
	f.opts.Git = f.newGit(f.opts.Config)
	t.Cleanup(f.stop)
	return f
}

// newGit returns a git with that configuration and an environment of its own.
func (f *fixture) newGit(config []git.KV) *git.Git {
	f.t.Helper()
	umask := fs.FileMode(0) // ours
	if f.opts.GroupWrite {
		umask = f.opts.Umask
	}
	g, err := git.New(f.t.Context(), git.Options{
		Path: "git", Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.t.TempDir()}, Config: config, Observe: f.ran, Umask: umask,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return g
}

// ran notes a git command that has ended.
func (f *fixture) ran(op string, _ time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops = append(f.ops, op)
}

// runs returns the git commands that have ended since it was called last.
func (f *fixture) runs() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	ops := f.ops
	f.ops = nil
	return ops
}

// restart ends the git-sync of this root, if any, and opens the root anew.
func (f *fixture) restart(change ...func(*Options)) error {
	f.t.Helper()
	f.stop()
	for _, c := range change {
		c(&f.opts)
	}
	r, err := Open(f.opts)
	if err == nil {
		f.repo = r
		r.trees.MinKept = cmp.Or(f.minRecycled, many-40)
	}
	return err
}

func (f *fixture) stop() {
	if f.repo == nil {
		return
	}
	f.settle()
	if err := f.repo.Close(); err != nil {
		f.t.Error(err)
	}
	f.repo = nil
}

func (f *fixture) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := f.repo.WaitClean(ctx); err != nil {
		f.t.Errorf("cleaning up does not end: %v", err)
	}
}

// try makes one sync and returns its error.
func (f *fixture) try() (Tree, error) {
	f.t.Helper()
	if f.repo == nil {
		if err := f.restart(); err != nil {
			return Tree{}, err
		}
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), cmp.Or(f.timeout, time.Minute))
	defer cancel()
	tree, err := f.repo.Prepare(ctx, git.Overlay{})
	if err != nil {
		f.restore(ctx, err)
		f.settle()
		return tree, err
	}
	if tree.New {
		tree, err = f.repo.Publish(ctx, tree)
	}
	if err == nil {
		f.repo.Clean(ctx)
		f.settle()
	}
	return tree, err
}

// restore is what the loop does after a sync that has failed.
func (f *fixture) restore(ctx context.Context, cause error) {
	f.t.Helper()
	tree, err := f.repo.Restore(ctx, cause)
	if err == nil && tree.New {
		_, err = f.repo.Publish(ctx, tree)
	}
	f.repo.Clean(ctx)
	if err != nil {
		f.logs = append(f.logs, "restoring: "+err.Error())
	}
}

// sync makes one sync, which is to publish hash.
func (f *fixture) sync(hash string) Tree {
	f.t.Helper()
	tree, err := f.try()
	if err != nil {
		f.t.Fatalf("sync: %v", err)
	}
	f.published(hash)
	return tree
}

// link is the absolute path of the published link.
func (f *fixture) link() string {
	if filepath.IsAbs(f.opts.Link) {
		return f.opts.Link
	}
	return filepath.Join(f.opts.Root, f.opts.Link)
}

// published checks that the link resolves to a tree equal to hash's, as plain
// git has it, in which git works.
func (f *fixture) published(hash string) {
	f.t.Helper()
	f.complete(hash)
	dir, err := filepath.EvalSymlinks(f.link())
	if err != nil {
		f.t.Fatal(err)
	}
	head, err := gitserver.Run(dir, gitserver.Env(), "rev-parse", "HEAD")
	if err != nil {
		f.t.Fatalf("git in the published tree: %v", err)
	}
	if got := strings.TrimSpace(head); got != hash {
		f.t.Fatalf("HEAD of the published tree is %s, want %s", got, hash)
	}
	if out, err := gitserver.Run(dir, gitserver.Env(), "status", "--porcelain"); err != nil || out != "" && f.opts.Permissions == 0 {
		f.t.Fatalf("git status in the published tree: %q, %v", out, err)
	}
}

// complete is published without git: the files alone.
func (f *fixture) complete(hash string) {
	f.t.Helper()
	if f.repo != nil {
		if rev, ok := f.repo.Published(); !ok || rev.Hash != hash {
			f.t.Fatalf("published is %+v, want %s", rev, hash)
		}
	}
	if f.opts.SparseFile != "" {
		return
	}
	want, got := listing(f.t, f.up.Export(hash)), listing(f.t, f.link()+"/.")
	for _, name := range keys(want, got) {
		if want[name] != got[name] && !f.inSubmodule(name) {
			f.t.Fatalf("%s: published %q, want %q", name, got[name], want[name])
		}
	}
}

func (f *fixture) inSubmodule(name string) bool { return strings.HasPrefix(name, "sub") }

// listing maps every path below dir to its mode and content.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		if rel == ".git" {
			return skip(d)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(name)
			all[rel] = fmt.Sprintf("%v %s", info.Mode()&0o111 != 0, data)
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			all[rel] = "-> " + target
			return err
		default:
			all[rel] = info.Mode().Type().String()
			return nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func keys[V any](maps ...map[string]V) []string {
	found := map[string]bool{}
	for _, m := range maps {
		for k := range m {
			found[k] = true
		}
	}
	var list []string
	for k := range found {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

// rootEntries lists the root without what git-sync keeps there.
func (f *fixture) rootEntries() []string {
	f.t.Helper()
	entries, err := os.ReadDir(f.opts.Root)
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// clean checks that nothing is in the root but the store, the link, one tree
// and others, and in the store no leftover of any kind.
func (f *fixture) clean(others ...string) {
	f.t.Helper()
	rel := f.repo.current().place
	if rel == "" {
		f.t.Fatal("nothing is published")
	}
	want := append([]string{".git", strings.Split(rel, "/")[0]}, others...)
	if !filepath.IsAbs(f.opts.Link) {
		want = append(want, f.opts.Link)
	}
	sort.Strings(want)
	if got := f.rootEntries(); strings.Join(got, " ") != strings.Join(want, " ") {
		f.t.Errorf("the root holds %v, want %v", got, want)
	}
	trash, _ := os.ReadDir(f.repo.store.Own("trash"))
	if len(trash) > 0 {
		f.t.Errorf("the trash holds %v", trash)
	}
	admins, _ := os.ReadDir(filepath.Join(f.repo.store.Dir(), disk.Admins))
	if len(admins) != 1+len(f.spares()) {
		f.t.Errorf("%d admin directories, want those of the published tree and of the spare one", len(admins))
	}
	err := filepath.WalkDir(f.repo.store.Dir(), func(name string, _ fs.DirEntry, err error) error {
		base := filepath.Base(name)
		if strings.HasSuffix(base, ".lock") || strings.HasPrefix(base, "tmp_") || strings.HasPrefix(base, disk.TempPrefix) {
			f.t.Errorf("left over: %s", name)
		}
		return err
	})
	if err != nil {
		f.t.Error(err)
	}
}

// spares lists the trees kept for recycling.
func (f *fixture) spares() []string {
	entries, _ := os.ReadDir(f.repo.store.Own("spare"))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func kv(key, value string) git.KV { return git.KV{Key: key, Value: value} }

// eachObject calls visit for each pack, index and loose object of the store at dir.
func eachObject(dir string, visit func(name string, info os.FileInfo) error) error {
	return filepath.WalkDir(filepath.Join(dir, "objects"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(name)) == "info" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return visit(name, info)
	})
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// umask returns this process's umask, which umask(2) tells only by changing it.
func umask() fs.FileMode {
	mask := unix.Umask(0o022)
	unix.Umask(mask)
	return fs.FileMode(mask)
}

func (f *fixture) unfinished() []string {
	f.t.Helper()
	places, err := f.repo.unfinished()
	if err != nil {
		f.t.Fatal(err)
	}
	return places
}
