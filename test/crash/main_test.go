//go:build amd64 || arm64

package crash

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
)

// The variables that change what is tried.
const (
	allVar  = "GITSYNC_CRASH"      // "all", or how many points of each kind and scenario
	seedVar = "GITSYNC_CRASH_SEED" // of the sample
)

// tried counts the points, by what was done there.
var tried struct{ git, steps, calls, twice, errors, takes, refused, unreached atomic.Int64 }

func TestMain(m *testing.M) {
	Launch()
	syscall.Umask(0o022) // the modes of files are compared
	code := m.Run()
	fmt.Printf("crash points tried: %d before or after a run of git, %d at git-sync's own steps, %d at any system calls, %d of them twice in a row\n",
		tried.git.Load(), tried.steps.Load(), tried.calls.Load(), tried.twice.Load())
	fmt.Printf("calls that failed once: %d that change the disk, %d that take a descriptor or make a process; after %d of them the start was refused\n",
		tried.errors.Load(), tried.takes.Load(), tried.refused.Load())
	fmt.Printf("points that were not reached: %d\n", tried.unreached.Load())
	os.Exit(code)
}
