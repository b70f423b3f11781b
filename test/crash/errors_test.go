//go:build amd64

package crash

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

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
