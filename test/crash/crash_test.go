//go:build amd64

package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// The variables that change what is tried.
const (
	allVar  = "GITSYNC_CRASH"      // "all", or how many points of each scenario
	seedVar = "GITSYNC_CRASH_SEED" // of the sample
)

// tried counts the points, by what was done there.
var tried struct{ git, steps, calls, twice, errors, unreached atomic.Int64 }

func TestMain(m *testing.M) {
	Launch()
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	fmt.Printf("crash points tried: %d before or after a run of git, %d at git-sync's own steps, %d at any system calls, %d of them twice in a row; %d calls failed; %d points were not reached\n",
		tried.git.Load(), tried.steps.Load(), tried.calls.Load(), tried.twice.Load(), tried.errors.Load(), tried.unreached.Load())
	os.Exit(code)
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

// binary is git-sync itself, built once.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(build)
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "git-sync")
}

// build builds it in a directory that outlives the test.
func build() {
	if built.dir, built.err = os.MkdirTemp("", "crash-binary-"); built.err != nil {
		return
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", built.dir, "git-sync/cmd/git-sync")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		built.err = fmt.Errorf("building git-sync: %w\n%s", err, out)
	}
}

// scenario is one sync that is to be survived.
type scenario struct {
	name   string
	world  func(*testing.T) *world
	link   string                                  // default: root/link
	args   []string                                // of every run
	before func(t *testing.T, b *sandbox)          // makes the state that the sync begins with
	config func(t *testing.T, dir string) []string // more args, which need files
	stays  bool                                    // nothing is pushed: the revision published is put right
}

// synced publishes the first revision.
func synced(_ *testing.T, b *sandbox) { b.sync() }

func scenarios() []scenario {
	few := func(t *testing.T) *world { return plain(t, 0) }
	many := func(t *testing.T) *world { return plain(t, 600) }
	nothing := func(*testing.T, *sandbox) {}
	rev := []string{"--worktree-layout=rev"}
	submodules := append(rev, "--git-config=protocol.file.allow:always")
	patterns := func(t *testing.T, dir string) []string {
		file := filepath.Join(dir, "patterns")
		if err := os.WriteFile(file, []byte("/dir/\n/keep/\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return []string{"--sparse-checkout-file=" + file}
	}
	return []scenario{
		{name: "first", world: few, args: rev, before: nothing},
		{name: "first, worktrees, link elsewhere", world: few, link: "pub/link", before: nothing},
		{name: "first, submodules", world: modules, args: submodules, before: nothing},
		{name: "update", world: few, before: synced, args: rev},
		{name: "update, worktrees, garbage collected", world: few, link: "pub/link", before: synced, args: []string{"--git-gc=always"}},
		{name: "update, submodules", world: modules, args: submodules, before: synced},
		{name: "update, sparse", world: sparse, args: rev, before: synced, config: patterns},
		// A copy of a root has other inodes and change times: git is told not to look at them.
		{name: "update, recycled", world: many, before: recyclable, args: []string{"--checkout=recycle", "--git-config=core.checkStat:minimal,core.trustctime:false"}},
		{name: "repair, tree gone", world: few, args: rev, stays: true, before: func(t *testing.T, b *sandbox) {
			synced(t, b)
			must(t, os.RemoveAll(publishedDir(t, b)))
		}},
		{name: "repair, file damaged", world: few, args: rev, stays: true, before: func(t *testing.T, b *sandbox) {
			synced(t, b)
			must(t, os.WriteFile(filepath.Join(publishedDir(t, b), "dir/b"), []byte("damaged"), 0o644))
		}},
		{name: "repair, store corrupt", world: few, args: rev, stays: true, before: func(t *testing.T, b *sandbox) {
			synced(t, b)
			corrupt(t, b)
		}},
		{name: "update, store corrupt", world: few, args: rev, before: func(t *testing.T, b *sandbox) {
			synced(t, b)
			corrupt(t, b)
		}},
		{name: "clean-up", world: few, args: rev, before: func(t *testing.T, b *sandbox) {
			synced(t, b)
			b.sync("--ref=v1", "--stale-worktree-timeout=1h")
		}},
		{name: "layout changes", world: few, before: func(_ *testing.T, b *sandbox) { b.sync("--worktree-layout=rev") }},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func publishedDir(t *testing.T, b *sandbox) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(b.dir, b.link))
	must(t, err)
	return dir
}

// recyclable publishes twice, so that a tree is set aside.
func recyclable(t *testing.T, b *sandbox) {
	b.sync("--ref=base")
	b.sync()
	if len(names(filepath.Join(b.root(), ".git/git-sync/aside"))) != 1 {
		t.Fatal("no tree was set aside")
	}
}

// corrupt cuts every object of the store short.
func corrupt(t *testing.T, b *sandbox) {
	t.Helper()
	n := 0
	for _, pattern := range []string{"objects/pack/*.pack", "objects/??/*"} {
		files, err := filepath.Glob(filepath.Join(b.root(), ".git", pattern))
		must(t, err)
		for _, f := range files {
			must(t, os.Chmod(f, 0o644))
			must(t, os.Truncate(f, 10))
			n++
		}
	}
	if n == 0 {
		t.Fatal("there are no objects to corrupt")
	}
}

// stage is a scenario ready to be tried over and over.
type stage struct {
	scenario
	w        *world
	template *sandbox
	was      listing // what is published before, nil for nothing
	dir      string
	n        atomic.Int64
}

func prepare(t *testing.T, s scenario) *stage {
	t.Helper()
	st := &stage{scenario: s, w: s.world(t), dir: scratch(t)}
	if st.link == "" {
		st.link = "root/link"
	}
	b := &sandbox{t: t, dir: filepath.Join(st.dir, "template"), link: st.link}
	b.args = append([]string{"--repo=" + st.w.up.FileURL()}, s.args...)
	if s.config != nil {
		b.args = append(b.args, s.config(t, st.dir)...)
	}
	must(t, os.Mkdir(b.dir, 0o755))
	b.putOthers()
	st.w.up.Tag("v1", st.w.v[1])
	st.w.at(0)
	s.before(t, b)
	st.was, st.template = b.published(), b
	return st
}

// scratch is a directory in memory where there is one: killing processes loses nothing that they have written, so the disk is
// not what is tested, and its flushes take long.
func scratch(t *testing.T) string {
	t.Helper()
	if dir := inMemory(); dir != "" {
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	return t.TempDir()
}

func inMemory() string {
	dir, _ := os.MkdirTemp("/dev/shm", "git-sync-crash-") // not there: no directory
	return dir
}

// target is the revision that the sync is to publish.
func (st *stage) target() int {
	if st.stays {
		return 0
	}
	return 1
}

// fresh is a sandbox in the state before, with what is to be published pushed.
func (st *stage) fresh(t *testing.T) *sandbox {
	t.Helper()
	b := st.template.clone(filepath.Join(st.dir, fmt.Sprint(st.n.Add(1))))
	b.t = t
	st.w.at(st.target())
	return b
}

// traced runs git-sync in b under the tracer.
func (st *stage) traced(b *sandbox, c Config, more ...string) Outcome {
	b.t.Helper()
	self, err := os.Executable()
	must(b.t, err)
	log, err := os.CreateTemp(st.dir, "log-")
	must(b.t, err)
	defer os.Remove(log.Name())
	defer log.Close()
	c.Self, c.Argv, c.Env, c.Log, c.Below, c.Limit = self, b.argv(more...), environment(b.dir), log, b.dir, patience
	out, err := Run(c)
	if errors.Is(err, ErrUnsupported) {
		if os.Getenv("CI") == "true" {
			b.t.Fatal(err)
		}
		b.t.Skip(err)
	}
	must(b.t, err)
	said, _ := os.ReadFile(log.Name())
	if out.TimedOut {
		b.t.Fatalf("does not end\n%s", said)
	}
	if !out.Killed && out.Code != 0 {
		b.t.Logf("exit code %d:\n%s", out.Code, said)
	}
	return out
}

// survived checks what a crash has left: the old or the new, whole; and that the next run brings the newest, without help.
func (st *stage) survived(b *sandbox, at int) {
	b.t.Helper()
	st.whole(b)
	newest := st.target() + at%2 // every other time something was pushed meanwhile
	st.w.at(newest)
	b.sync()
	if d := st.w.want[newest].differs(b.published()); d != "" {
		b.t.Errorf("after the next run: %s", d)
	}
	b.sync()
	if d := st.w.want[newest].differs(b.published()); d != "" {
		b.t.Errorf("after one more run: %s", d)
	}
	b.checkOthers()
	b.checkClean()
}

// whole checks that what was published before still is, or else the new.
func (st *stage) whole(b *sandbox) {
	b.t.Helper()
	b.checkOthers()
	now := b.published()
	if now == nil && st.was == nil {
		return
	}
	if d := st.w.want[st.target()].differs(now); d != "" && (st.was == nil || st.was.differs(now) != "") {
		b.t.Errorf("neither the old tree nor the new one is published: %s", d)
	}
}

// TestCrash ends git-sync at points of each scenario.
func TestCrash(t *testing.T) {
	seed := seed(t)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			st := prepare(t, s)
			calls, gits, steps := st.undisturbed(t)
			rng := rand.New(rand.NewPCG(seed, 1))
			for n := range 2 * gits {
				st.atGit(t, n)
			}
			for n := range steps {
				st.atStep(t, n)
			}
			for i, n := range sample(rng, calls, 6) {
				st.atCall(t, n, i%3 == 2, rng)
			}
			if !t.Failed() {
				t.Logf("%d system calls that change the disk, %d of them git-sync's steps, %d runs of git", calls, steps, gits)
			}
		})
	}
}

// TestErrors makes system calls fail, once each.
func TestErrors(t *testing.T) {
	seed := seed(t)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			st := prepare(t, s)
			calls, _, _ := st.undisturbed(t)
			rng := rand.New(rand.NewPCG(seed, 2))
			for _, n := range sample(rng, calls, 4) {
				st.failing(t, n, rng)
			}
		})
	}
}

func seed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv(seedVar)
	if s == "" {
		return 1
	}
	n, err := strconv.ParseUint(s, 10, 64)
	must(t, err)
	return n
}

// sample chooses points out of 1..calls.
func sample(rng *rand.Rand, calls, size int) []int {
	switch v := os.Getenv(allVar); v {
	case "":
	case "all":
		size = calls
	default:
		if n, err := strconv.Atoi(v); err == nil {
			size = n
		}
	}
	points := rng.Perm(calls)
	points = points[:min(size, calls)]
	for i := range points {
		points[i]++
	}
	return points
}

// isStep reports whether a call is git-sync's own and puts something in its place, or takes it away, where readers see it: in
// the root, among the trees, or beside the link.
func isStep(c Call, b *sandbox) bool {
	if c.Exec || !c.Own || strings.HasPrefix(c.Name, "open") {
		return false
	}
	visible := func(path string) bool {
		dir := filepath.Dir(path)
		return dir == b.root() || dir == filepath.Join(b.root(), ".worktrees") || dir == filepath.Dir(filepath.Join(b.dir, b.link))
	}
	return visible(c.Path) || visible(c.To)
}

// undisturbed makes the sync without a fault, checks the order of what it does, and counts.
func (st *stage) undisturbed(t *testing.T) (calls, gits, steps int) {
	t.Helper()
	b := st.fresh(t)
	defer b.remove()
	var all []Call
	out := st.traced(b, Config{
		Call: func(c Call) Action {
			switch {
			case isStep(c, b):
				steps++
				all = append(all, c)
			case !c.Exec:
				all = append(all, c)
			case c.Own:
				gits++
			}
			return Action{}
		},
	})
	if out.Code != 0 {
		t.Fatal("the sync alone does not succeed")
	}
	st.survived(b, 0)
	if err := flushedBeforeRemoved(all, b); err != nil {
		t.Error(err)
	}
	return out.Calls, gits, steps
}

// atGit kills before (n even) and after the run of git with number n/2.
func (st *stage) atGit(t *testing.T, n int) {
	t.Helper()
	b := st.fresh(t)
	defer b.remove()
	i, what := 0, ""
	strike := func(when int, args string) Action {
		if i != n/2+1 || n%2 != when || what != "" {
			return Action{}
		}
		what = args
		return Action{Kill: true}
	}
	out := st.traced(b, Config{
		Call: func(c Call) Action {
			if !c.Exec || !c.Own {
				return Action{}
			}
			i++
			return strike(0, c.Args)
		},
		Exited: func(args string) Action { return strike(1, args) },
	})
	if !reached(out.Killed, &tried.git) {
		return
	}
	st.report(t, b, n, fmt.Sprintf("killed %s %s", []string{"before", "after"}[n%2], what))
}

// atStep kills before git-sync's step with number n.
func (st *stage) atStep(t *testing.T, n int) {
	t.Helper()
	b := st.fresh(t)
	defer b.remove()
	i, what := 0, ""
	out := st.traced(b, Config{Call: func(c Call) Action {
		if !isStep(c, b) {
			return Action{}
		}
		if i++; i != n+1 {
			return Action{}
		}
		what = c.String()
		return Action{Kill: true}
	}})
	if reached(out.Killed, &tried.steps) {
		st.report(t, b, n, "killed at "+what)
	}
}

// reached counts a point.
func reached(yes bool, count *atomic.Int64) bool {
	if !yes {
		tried.unreached.Add(1) // threads take turns as they like: there were fewer calls this time
		return false
	}
	count.Add(1)
	return true
}

// report runs survived, and says where the crash was if that fails.
func (st *stage) report(t *testing.T, b *sandbox, n int, what string) {
	t.Helper()
	before := t.Failed()
	defer func() {
		if t.Failed() && !before {
			t.Logf("the point was: %s (%s=%d)", what, seedVar, seed(t))
		}
	}()
	st.survived(b, n)
}

// atCall kills at the call with number n, and if twice, again somewhere in the run that follows.
func (st *stage) atCall(t *testing.T, n int, twice bool, rng *rand.Rand) {
	t.Helper()
	b := st.fresh(t)
	defer b.remove()
	var what Call
	kill := func(at int) Config {
		return Config{Call: func(c Call) Action {
			if c.N != at {
				return Action{}
			}
			what = c
			return Action{Kill: true}
		}}
	}
	out := st.traced(b, kill(n))
	if !reached(out.Killed, &tried.calls) {
		return
	}
	text := "killed at " + what.String()
	if twice {
		st.whole(b)
		if out := st.traced(b, kill(1+rng.IntN(100))); out.Killed {
			tried.twice.Add(1)
			text += ", and again at " + what.String()
		}
	}
	st.report(t, b, n, text)
}

// failing lets the call with number n fail, and expects that git-sync succeeds by itself at its next attempt.
func (st *stage) failing(t *testing.T, n int, rng *rand.Rand) {
	t.Helper()
	b := st.fresh(t)
	defer b.remove()
	errnos := []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EDQUOT, syscall.EACCES, syscall.EMFILE}
	errno := errnos[rng.IntN(len(errnos))]
	var what Call
	out := st.traced(b, Config{Call: func(c Call) Action {
		if c.N != n {
			return Action{}
		}
		if !strings.HasPrefix(c.Name, "open") && errno == syscall.EMFILE {
			errno = syscall.EIO
		}
		what = c
		return Action{Fail: errno}
	}}, "--max-failures=5", "--period=20ms")
	if !reached(what.N > 0, &tried.errors) {
		return
	}
	text := fmt.Sprintf("%v at %v", errno, what)
	switch d := st.w.want[st.target()].differs(b.published()); {
	case out.Code == 2 && strings.HasPrefix(what.Name, "mkdir"):
		// A directory that cannot be made is refused before anything has begun, as a bad option is.
	case out.Code != 0:
		t.Errorf("did not get over it by itself: %s", text)
	case d != "":
		t.Errorf("exit code 0, but %s: %s", d, text)
	}
	st.report(t, b, n, text)
}

// flushedBeforeRemoved checks that nothing which a publication has replaced is taken away before what is published has been
// flushed to the disk: the one thing that killing processes cannot show. What was published by an earlier run may not have
// been flushed either.
func flushedBeforeRemoved(calls []Call, b *sandbox) error {
	link, root := filepath.Join(b.dir, b.link), b.root()
	flip := &Call{Name: "an earlier run"}
	for _, c := range calls {
		switch {
		case strings.HasPrefix(c.Name, "rename") && (c.To == link || c.Exchange):
			flip = &c
		case c.Name == "syncfs":
			flip = nil
		case flip != nil && takesAway(c, root):
			return fmt.Errorf("%v: comes before what replaces it, put in place by %v, was flushed", c, *flip)
		}
	}
	return nil
}

// takesAway reports whether a call removes, or takes out of its place, a tree, a store, or a part of them.
func takesAway(c Call, root string) bool {
	rel, err := filepath.Rel(root, c.Path)
	if err != nil {
		return false
	}
	inTrash := strings.HasPrefix(rel, ".git/git-sync/trash/") || strings.HasPrefix(rel, ".git/git-sync/aside/")
	inTree := tree.MatchString(rel) || tree.MatchString(firstTwo(rel))
	switch c.Name {
	case "unlink", "unlinkat", "rmdir":
		return inTrash || inTree
	case "rename", "renameat", "renameat2":
		return tree.MatchString(rel) && !c.Exchange
	default:
		return false
	}
}

// firstTwo is the part of a path that may name a tree.
func firstTwo(rel string) string {
	parts := strings.SplitN(rel, "/", 3)
	if parts[0] == ".worktrees" && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}
