package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWatcherIsCalmed has a program execute itself, and looks for traces of that in what it starts.
func TestWatcherIsCalmed(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	for poll, calm := range map[string]bool{"plain": false, "persistent": true} {
		t.Run(poll, func(t *testing.T) {
			t.Parallel()
			seen := filepath.Join(t.TempDir(), "seen")
			hook := script(t, fmt.Sprintf("{ cat /proc/self/timerslack_ns; env; } >%s.new; mv %s.new %s", seen, seen, seen))
			root := t.TempDir()
			p := start(t, setup{env: []string{"GIT_SYNC_NO_SUCH=1"}, args: args(r.url, root, "--period=50ms", "--poll="+poll, "--exechook-command="+hook)})
			until(t, "the hook", func() bool { return exists(seen) })
			environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(environ), calmVariable) != calm {
				t.Errorf("executed by itself: %v", !calm)
			}
			b, err := os.ReadFile(seen)
			if err != nil {
				t.Fatal(err)
			}
			slack, env, _ := strings.Cut(string(b), "\n")
			if slack != "50000" || strings.Contains(env, "GITSYNC_INTERNAL") {
				t.Errorf("a hook has a timer slack of %s ns, and the environment\n%s", slack, env)
			}
			if strings.Contains(p.said(), calmVariable) {
				t.Error("the log speaks of the mark")
			}
			for _, once := range []string{"started", "GIT_SYNC_NO_SUCH"} {
				if n := strings.Count(p.said(), once); n != 1 {
					t.Errorf("%q is logged %d times", once, n)
				}
			}
		})
	}
}
