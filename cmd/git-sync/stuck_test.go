package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
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

func TestStuckOneTimeSyncEnds(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	p := start(t, setup{args: args(r.url, t.TempDir(), "--one-time", "--period=100ms", "--sync-timeout=1s", "--max-failures=3",
		"--username=user", "--password-file="+deaf(t))})
	p.exits(exitFailed)
	if e := p.logs("giving up"); !strings.Contains(e["error"].(string), "stuck") {
		t.Errorf("gave up with %v", e)
	}
}

func TestStopWhileStuck(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	file := deaf(t)
	p := start(t, setup{args: args(r.url, t.TempDir(), "--username=user", "--password-file="+file)})
	p.logs("started")
	p.kill(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(2 * time.Second): // contract §6
		t.Error("stopping takes longer than two seconds")
	}
	p.exits(exitDone)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	p := start(t, setup{args: args(r.url, t.TempDir(), "--username=user", "--password-file="+deaf(t))})
	p.logs("started")
	p.kill(syscall.SIGTERM)
	p.logs("stopping")
	p.kill(syscall.SIGTERM)
	p.exits(exitFailed)
}
