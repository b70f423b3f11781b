package main

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// leftovers are the temporary files below dir: of git's (tmp_pack_..., *.lock), and of ours.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		if strings.HasPrefix(name, "tmp_") || strings.HasPrefix(name, ".tmp-") || strings.HasSuffix(name, ".lock") ||
			strings.HasPrefix(name, ".git-sync.") || strings.HasPrefix(name, ".git.") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestStopInMidFetchLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	start(t, setup{args: args(r.url, root, "--one-time")}).Exits(exitDone)
	r.repo.BigTree(2000)
	r.Fail(gitserver.Rule{On: gitserver.Fetch, Do: gitserver.Slow(2000)})
	p := start(t, setup{args: args(r.url, root, "--period=50ms")})
	harness.Until(t, "a pack to arrive", func() bool { return len(leftovers(t, root)) > 0 })
	children := family(p.PID())
	p.Signal(syscall.SIGTERM)
	p.Exits(exitDone)
	gone(t, children)
	if left := leftovers(t, root); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if content(root, "file") != "one" {
		t.Error("what was published is gone")
	}
}

func TestStopWhileHooksRun(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	called := make(chan struct{}, 10)
	release := make(chan struct{})
	deafHook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		called <- struct{}{}
		<-release
	}))
	defer deafHook.Close()
	defer close(release)
	began := filepath.Join(t.TempDir(), "began")
	stubborn := script(t, "trap '' TERM; touch "+began+"; sleep 100 & wait; sleep 100")
	p := start(t, setup{args: args(r.url, t.TempDir(), "--period=1h", "--exechook-command="+stubborn,
		"--webhook-url="+deafHook.URL, "--webhook-timeout=1m")})
	<-called
	harness.Until(t, "the hook to run", func() bool { return exists(began) })
	children := family(p.PID())
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Done():
	case <-time.After(stopPatience):
		t.Error("stopping takes longer than two seconds")
	}
	p.Exits(exitDone)
	gone(t, children)
}

func TestNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	// The shell's pipe loses its reader at once.
	with := []string{"sh", "-c", `"$@" 2>&1 | true; sleep 100`, "sh"}
	start(t, setup{with: with, args: args(r.url, root, "--period=50ms", "-v=9")})
	published(t, root, "one")
	r.repo.Commit(map[string]string{"file": "two"})
	published(t, root, "two")
}

func TestGroupWrite(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	old := syscall.Umask(0o022)
	p := start(t, setup{args: args(r.url, root, "--one-time", "--group-write", "--touch-file=touched")})
	syscall.Umask(old)
	p.Exits(exitDone)
	for _, name := range []string{"link/file", "link/.", "touched", ".git/git-sync"} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || info.Mode()&0o020 == 0 {
			t.Errorf("%s is not group-writable: %v, %v", name, info, err)
		}
	}
}
