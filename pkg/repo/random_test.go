package repo

import (
	"cmp"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/worktree"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// The variables that change what is tried.
const (
	historiesVar = "GITSYNC_RECYCLE"      // how many histories
	historyVar   = "GITSYNC_RECYCLE_SEED" // the seed of the first
)

// historySteps is how many revisions one history has.
const historySteps = 50

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(otherwise)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestRecycleRandomHistory publishes generated revisions one after the other, while consumers do to the trees what comes to
// their mind, and compares each tree with a fresh clone before it is published.
func TestRecycleRandomHistory(t *testing.T) {
	histories := 2
	if harness.Full() {
		histories = 6
	}
	histories, first := setting(t, historiesVar, histories), setting(t, historyVar, 1)
	var steps, recycled atomic.Int64
	t.Run("seed", func(t *testing.T) {
		for n := range histories {
			seed := first + n
			t.Run(strconv.Itoa(seed), func(t *testing.T) {
				t.Parallel()
				h := newRandomHistory(t, seed)
				h.run()
				steps.Add(int64(h.steps))
				recycled.Add(int64(h.recycled))
			})
		}
	})
	t.Logf("%d of %d trees were recycled", recycled.Load(), steps.Load())
	if 10*recycled.Load() < steps.Load() {
		t.Errorf("%d of %d trees were recycled: too few to say anything", recycled.Load(), steps.Load())
	}
}

// randomHistory is an upstream with a generated history, a git-sync that follows it, and consumers.
type randomHistory struct {
	*fixture
	rng    *rand.Rand
	model  randomTree   // what is at the branch's tip
	past   []randomTree // what was there before
	module *gitserver.Repo

	filtered        bool // the filter is configured
	step            int
	steps, recycled int
}

func newRandomHistory(t *testing.T, seed int) *randomHistory {
	t.Helper()
	root := t.TempDir()
	h := &randomHistory{
		rng:   rand.New(rand.NewPCG(uint64(seed), 19)),
		model: randomTree{entries: map[string]randomEntry{}},
	}
	h.fixture = newFixture(t, func(o *Options) {
		o.Config = []git.KV{kv("protocol.file.allow", "always")}
		o.Checkout = []CheckoutMode{CheckoutAuto, CheckoutRecycle}[seed%2]
		// Trees wait in the root, or become the spare at once.
		o.StaleTimeout = time.Duration(seed%3) * 10 * time.Minute
	})
	h.minRecycled = 10
	h.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root})
	h.module = gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root, Name: "module.git"})
	h.opts.URL = h.up.FileURL()
	for i := range 60 {
		h.model.put(fmt.Sprintf("d%d/e%d/f%02d.txt", i%3, i%5, i), randomEntry{data: h.text()})
	}
	return h
}

func (h *randomHistory) run() {
	h.t.Helper()
	for h.step = range historySteps {
		h.options()
		h.push()
		h.consume()
		if h.rng.IntN(15) == 0 {
			h.stop()
		}
		for h.prepare() { // until it is not lost in a crash
			h.stop()
			if h.rng.IntN(2) == 0 {
				h.push()
			}
		}
		if h.t.Failed() {
			h.t.Fatalf("at step %d, %q, with %+v", h.step, h.model.done, h.opts)
		}
		h.skew.Add(int64(time.Hour))
		h.poll() // what waited in the root becomes the spare
	}
}

// prepare makes one sync, up to a crash before it publishes, perhaps.
func (h *randomHistory) prepare() (crashed bool) {
	h.t.Helper()
	if h.repo == nil {
		if err := h.restart(); err != nil {
			h.t.Fatal(err)
		}
	}
	before := h.repo.Stats().Recycled
	tree, err := h.repo.Prepare(h.t.Context(), git.Overlay{})
	if err != nil {
		h.t.Fatalf("at step %d, %q: %v", h.step, h.model.done, err)
	}
	if tree.Hash != h.model.hash {
		h.t.Fatalf("made %s, want %s", tree.Hash, h.model.hash)
	}
	if !tree.New {
		return false // the branch has gone back and forth
	}
	h.steps++
	h.recycled += h.repo.Stats().Recycled - before
	h.compare(tree)
	if h.rng.IntN(12) == 0 {
		return true
	}
	if h.rng.IntN(3) == 0 { // a hook leaves something
		_ = os.WriteFile(filepath.Join(tree.Path, "built"), []byte("by a hook"), 0o600)
		h.meddle(tree.Path)
	}
	if _, err := h.repo.Publish(h.t.Context(), tree); err != nil {
		h.t.Fatal(err)
	}
	h.repo.Clean(h.t.Context())
	h.settle()
	return false
}

// consume lets consumers work in the published tree, and in one that became the spare while they held it open.
func (h *randomHistory) consume() {
	if h.repo == nil {
		return
	}
	if dir, err := filepath.EvalSymlinks(h.link()); err == nil && h.rng.IntN(2) == 0 {
		for range 1 + h.rng.IntN(3) {
			h.meddle(dir)
		}
	}
	if b, ok := h.repo.recycler.Spare(); ok && h.rng.IntN(2) == 0 {
		h.meddle(b.Dir)
	}
}

// compare compares a tree with a fresh clone, byte for byte and mode for mode.
func (h *randomHistory) compare(tree Tree) {
	h.t.Helper()
	want, got := everything(h.t, h.clone()), everything(h.t, tree.Path)
	for name, w := range want {
		want[name] = h.permitted(w)
	}
	for _, name := range keys(want, got) {
		if want[name] != got[name] {
			h.t.Errorf("%s: is %+v, want %+v", name, got[name], want[name])
		}
	}
	config := h.config()
	if h.opts.Permissions != 0 {
		config = append(config, "-c", "core.fileMode=false")
	}
	out, err := gitserver.Run(tree.Path, gitserver.Env(), append(config, "status", "--porcelain")...)
	if out != "" || err != nil {
		h.t.Errorf("git status: %q, %v", out, err)
	}
}

// config is the configuration that changes content, as arguments.
func (h *randomHistory) config() []string {
	var args []string
	for _, kv := range h.opts.Config {
		args = append(args, "-c", kv.Key+"="+kv.Value)
	}
	if h.opts.SparseFile != "" {
		args = append(args, "-c", "core.sparseCheckout=true", "-c", "core.sparseCheckoutCone=false")
	}
	return args
}

// clone is a plain git's clone of what is to be published.
func (h *randomHistory) clone() string {
	h.t.Helper()
	dir := filepath.Join(h.t.TempDir(), "clone")
	run := func(at string, args ...string) {
		h.t.Helper()
		if _, err := gitserver.Run(at, gitserver.Env(), append(h.config(), args...)...); err != nil {
			h.t.Fatal(err)
		}
	}
	args := []string{"clone", "-q", "--shared", "--no-checkout", h.up.Dir, dir}
	run(".", args...)
	if h.opts.SparseFile != "" {
		patterns, err := os.ReadFile(h.opts.SparseFile)
		if err != nil {
			h.t.Fatal(err)
		}
		write(h.t, filepath.Join(dir, ".git/info/sparse-checkout"), string(patterns))
	}
	run(dir, "read-tree", "--reset", "-u", "HEAD")
	if disk.Exists(filepath.Join(dir, worktree.ModulesFile)) {
		run(dir, "submodule", "--quiet", "update", "--init", "--recursive")
	}
	if h.opts.GroupWrite {
		share(h.t, dir)
	}
	return dir
}

// share gives the group of what is in dir the bits that its owner has, as a umask of
// 002 does.
func share(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chmod(name, info.Mode()|info.Mode()&0o700>>3)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// thing is what is to be known of a file.
type thing struct {
	mode     fs.FileMode
	uid, gid uint32
	content  string
}

// permitted is what --change-permissions makes of a thing.
func (h *randomHistory) permitted(w thing) thing {
	mode := h.opts.Permissions
	switch {
	case mode == 0:
	case w.mode.IsRegular():
		w.mode = mode
	case w.mode.IsDir():
		w.mode = fs.ModeDir | mode | mode&0o444>>2 | 0o300
	}
	return w
}

// everything is all that is in a directory, itself included, without what is git's.
func everything(t *testing.T, dir string) map[string]thing {
	t.Helper()
	all := map[string]thing{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			return skip(d)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		w := thing{mode: info.Mode(), uid: stat.Uid, gid: stat.Gid}
		switch {
		case info.Mode().IsRegular():
			data, rerr := os.ReadFile(name)
			w.content, err = string(data), rerr
		case info.Mode()&fs.ModeSymlink != 0:
			w.content, err = os.Readlink(name)
		}
		all[strings.TrimPrefix(name, dir)] = w
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
