//go:build amd64 || arm64

package crash

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

// maxFailures bounds how many failures of one scenario are tried when all are asked for: reading one file takes a descriptor,
// so that there are up to two thousand of each. Another seed takes others.
const maxFailures = 1000

// TestErrors makes system calls fail, once each.
func TestErrors(t *testing.T) {
	seed := seed(t)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			st := prepare(t, s)
			all := st.failures(t)
			rng := rand.New(rand.NewPCG(seed, 2))
			points := sample(rng, len(all), share{few: 1, full: 6})
			points = points[:min(len(points), maxFailures)]
			t.Logf("%d of %d failures are tried; with another %s others", len(points), len(all), seedVar)
			for _, n := range points {
				st.failing(t, n, all[n])
			}
		})
	}
}

// failure is one error of one call.
type failure struct {
	takes bool // the call is counted among those that take a descriptor or make a process, else among those that change the disk
	n     int  // its number there
	k     int  // which of the errors that a change can fail with
}

// retrying lets a sync fail some times without ending the program.
func retrying() []string { return []string{"--max-failures=5", "--period=20ms"} }

// failures are all that the sync can meet, as one run shows them.
func (st *stage) failures(t *testing.T) []failure {
	t.Helper()
	b := st.fresh(t)
	defer b.remove()
	var all []failure
	out := st.traced(b, Config{Takes: true, Call: func(c Call) Action {
		for k := range c.Fails {
			if c.N > 0 {
				all = append(all, failure{n: c.N, k: k})
			}
		}
		if c.T > 0 {
			all = append(all, failure{takes: true, n: c.T})
		}
		return Action{}
	}}, retrying()...)
	if out.Code != 0 {
		t.Fatalf("the sync alone does not succeed:\n%s", out.Said)
	}
	return all
}

// of is the error that a call is to return; 0 when it is not the call that is meant. Threads take turns as they like: it may be
// another call than the one that was counted, which then fails in its own way.
func (f failure) of(c Call) syscall.Errno {
	switch {
	case f.takes && c.T == f.n:
		return c.Takes
	case !f.takes && c.N == f.n:
		return c.Fails[f.k%len(c.Fails)]
	default:
		return 0
	}
}

// failing lets one call fail, and expects that git-sync succeeds by itself at its next attempt.
func (st *stage) failing(t *testing.T, point int, f failure) {
	t.Helper()
	b := st.fresh(t)
	defer b.remove()
	var what Call
	var errno syscall.Errno
	out := st.traced(b, Config{Takes: f.takes, Call: func(c Call) Action {
		e := f.of(c)
		if e != 0 {
			what, errno = c, e
		}
		return Action{Fail: e}
	}}, retrying()...)
	counter := &tried.errors
	if f.takes {
		counter = &tried.takes
	}
	if !reached(errno != 0, counter) {
		return
	}
	text := fmt.Sprintf("%v at %v", errno, what)
	switch d := st.w.want[st.target()].differs(b.published()); {
	case out.Code == 2 && excused(what, out.Said):
		tried.refused.Add(1)
	case out.Code != 0:
		t.Errorf("did not get over it by itself: %s: exit code %d\n%s", text, out.Code, out.Said)
	case d != "":
		t.Errorf("exit code 0, but %s: %s", d, text)
	}
	st.report(t, b, point, text)
}

// excused reports whether a failing call may end the program with exit code 2, as if it were killed. At the start, before it
// has begun, what cannot be done is refused, as a bad option is. And Go's runtime ends a program that is to wait for files and
// sockets for the first time and cannot have what it waits with.
func excused(c Call, said string) bool {
	return !strings.Contains(said, `"msg":"started"`) || c.Own && (c.Name == "epoll_create1" || c.Name == "eventfd2")
}
