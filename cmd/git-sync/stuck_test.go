package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// A file on a disk that does not answer is made of a named pipe that nobody writes to: the open(2) of it blocks a thread, and
// no context ends that, as with a network file system whose server is away.

// deaf makes such a file.
func deaf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deaf")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// heal makes the file an ordinary one, and ends what is blocked by the deaf one.
func heal(t *testing.T, path, text string) {
	t.Helper()
	if err := os.Rename(path, path+".deaf"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path+".deaf", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestStuckLoopIsNotAlive(t *testing.T) { // W14
	t.Parallel()
	r := newRemote(t)
	r.Require(gitserver.Basic("user", "pass"))
	root, at, file := t.TempDir(), harness.FreeAddress(t), deaf(t)
	p := start(t, setup{args: args(r.url, root, "--period=100ms", "--sync-timeout=4s", "--max-failures=-1",
		"--http-bind="+at, "--username=user", "--password-file="+file)})
	harness.Until(t, "/livez", func() bool { return status("http://"+at+"/livez") == 200 })
	p.Logs("sync failed")
	harness.Until(t, "/livez to turn", func() bool { return status("http://"+at+"/livez") == 503 })
	if children := family(p.PID()); len(children) != 0 {
		t.Errorf("children %v run beside the stuck sync", children)
	}
	heal(t, file, "pass\n")
	published(t, root, "one")
	harness.Until(t, "/livez to turn back", func() bool { return status("http://"+at+"/livez") == 200 })
}

func TestStuckOneTimeSyncEnds(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	p := start(t, setup{args: args(r.url, t.TempDir(), "--one-time", "--period=100ms", "--sync-timeout=1s", "--max-failures=3",
		"--username=user", "--password-file="+deaf(t))})
	p.Exits(exitFailed)
	if e := p.Logs("giving up"); !strings.Contains(e["error"].(string), "stuck") {
		t.Errorf("gave up with %v", e)
	}
}

func TestStopWhileStuck(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	p := start(t, setup{args: args(r.url, t.TempDir(), "--username=user", "--password-file="+deaf(t))})
	p.Logs("started")
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Done():
	case <-time.After(stopPatience):
		t.Error("stopping takes longer than two seconds")
	}
	p.Exits(exitDone)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	p := start(t, setup{args: args(r.url, t.TempDir(), "--username=user", "--password-file="+deaf(t))})
	p.Logs("started")
	p.Signal(syscall.SIGTERM)
	p.Logs("stopping")
	p.Signal(syscall.SIGTERM)
	p.Exits(exitFailed)
}
