//go:build amd64 || arm64

package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"git-sync/test/harness"
)

// TestCrash ends git-sync at points of each scenario.
func TestCrash(t *testing.T) {
	seed := seed(t)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			st := prepare(t, s)
			calls, gits, steps := st.undisturbed(t)
			rng := rand.New(rand.NewPCG(seed, 1))
			for _, n := range sample(rng, 2*gits, share{few: 1, full: 2 * gits}) {
				st.atGit(t, n)
			}
			for _, n := range sample(rng, steps, share{few: 1, full: steps}) {
				st.atStep(t, n)
			}
			for i, n := range sample(rng, calls, share{few: 1, full: 6}) {
				st.atCall(t, n+1, i%3 == 2, rng)
			}
			if !t.Failed() {
				t.Logf("%d system calls that change the disk, %d of them git-sync's steps, %d runs of git", calls, steps, gits)
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

// share is how many points are tried.
type share struct {
	few  int // usually
	full int // in a full run, see [harness.Full]
}

// sample chooses points out of n, numbered from 0.
func sample(rng *rand.Rand, n int, of share) []int {
	size := of.few
	if harness.Full() {
		size = of.full
	}
	if v := os.Getenv(allVar); v == "all" {
		size = n
	} else if asked, err := strconv.Atoi(v); err == nil {
		size = asked
	}
	return rng.Perm(n)[:min(size, n)]
}

// isStep reports whether a call is git-sync's own and puts something in its place, or takes it away, where readers see it: in
// the root, among the trees, or beside the link.
func isStep(c Call, b *sandbox) bool {
	if c.Exec || !c.Own || strings.HasPrefix(c.Name, "open") {
		return false
	}
	visible := func(path string) bool {
		dir := filepath.Dir(path)
		return dir == b.root() || dir == filepath.Join(b.root(), ".worktrees") || dir == filepath.Dir(filepath.Join(b.dir, b.link)) ||
			strings.HasPrefix(path, filepath.Join(b.dir, b.link)+"/") || strings.HasPrefix(path, filepath.Join(b.root(), ".git-sync.published")+"/") ||
			b.former != "" && dir == filepath.Dir(filepath.Join(b.dir, b.former))
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
		t.Fatalf("the sync alone does not succeed:\n%s", out.Said)
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
