package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

func TestInformation(t *testing.T) {
	for arg, want := range map[string]string{"--version": "git-sync ", "--help": "--repo", "--man": ".TH", "-h": "--repo"} {
		t.Run(arg, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{args: []string{arg}})
			p.Exits(exitDone)
			if !strings.Contains(p.Output(), want) || p.Said() != p.Output() {
				t.Errorf("printed %q, of that %q to standard output", p.Said(), p.Output())
			}
		})
	}
}

func TestBadOptionsAreListedAtOnce(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "root")
	p := start(t, setup{args: []string{"--root=" + root, "--depth=x", "--no-such-option", "--ssh=maybe"}})
	p.Exits(exitUsage)
	for _, want := range []string{"--repo", "--depth", "--no-such-option", "--ssh"} {
		if !strings.Contains(p.Said(), want) {
			t.Errorf("says nothing of %s", want)
		}
	}
	if exists(root) {
		t.Error("did something")
	}
}

func TestBadEnvironmentIsListedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "link"), 0o755); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := start(t, setup{args: args(r.url, root, "--http-bind="+taken.Addr().String())})
	p.Exits(exitUsage)
	if n := len(p.Lines("cannot start")); n != 2 {
		t.Errorf("%d problems are reported, want 2", n)
	}
	for _, want := range []string{filepath.Join(root, "link"), "--http-bind", `"hint"`, "the containers of a pod share their ports"} {
		if !strings.Contains(p.Said(), want) {
			t.Errorf("says nothing of %s", want)
		}
	}
}

func TestGitIsMissing(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "root")
	both := start(t, setup{args: args("https://127.0.0.1:1/x", root, "--git=/nowhere/git", "--one-time", "--link=../root")})
	both.Exits(exitUsage)
	if n := len(both.Lines("cannot start")); n != 2 {
		t.Errorf("beside a link that is refused, %d problems are reported, want 2", n)
	}
	p := start(t, setup{args: args("https://127.0.0.1:1/x", t.TempDir(), "--git=/nowhere/git", "--one-time")})
	p.Exits(exitUsage)
	if !strings.Contains(p.Said(), "/nowhere/git") {
		t.Error("does not say which git")
	}
}

// TestGitIsTooOld runs a git that works but is too old.
func TestGitIsTooOld(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	old := script(t, `if [ "$1" = version ]; then echo git version 2.33.8; else exec git "$@"; fi`)
	for name, more := range map[string][]string{
		"one-time": {"--one-time", "--max-failures=3"},
		"looping":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := filepath.Join(t.TempDir(), "top")
			p := start(t, setup{args: args(r.url, top+"/root", append(more, "--git="+old, "--link=../links/link", "--period=1h")...)})
			p.Exits(exitUsage)
			if lines := p.Lines("cannot start"); len(lines) != 1 || !strings.Contains(lines[0]["error"].(string), "2.33.8") {
				t.Errorf("it says %v", lines)
			}
			if exists(top) {
				t.Error("it has left something")
			}
		})
	}
	t.Run("published before", func(t *testing.T) {
		t.Parallel()
		mine := newRemote(t)
		root := t.TempDir()
		start(t, setup{args: args(mine.url, root, "--one-time")}).Exits(exitDone)
		mine.repo.Commit(map[string]string{"file": "two"})
		start(t, setup{args: args(mine.url, root, "--one-time", "--git="+old, "--touch-file=touched", "--error-file=error.json")}).Exits(exitUsage)
		if content(root, "file") != "one" || exists(filepath.Join(root, "touched")) {
			t.Error("it has published something")
		}
		if !exists(filepath.Join(root, "error.json")) {
			t.Error("the error file is missing")
		}
	})
}

// TestRefusalIsKept has starts refused that would have made their root: it holds the error file, if there is to be one.
func TestRefusalIsKept(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	for name, refused := range map[string]string{"for git": "--git=/nowhere/git", "for the link": "--link=../root"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := filepath.Join(t.TempDir(), "root")
			start(t, setup{args: args(r.url, root, "--one-time", refused, "--error-file=error.json")}).Exits(exitUsage)
			entries, err := os.ReadDir(root)
			if err != nil || len(entries) != 1 || entries[0].Name() != "error.json" {
				t.Errorf("the root holds %v, %v", entries, err)
			}
			bare := filepath.Join(t.TempDir(), "root")
			start(t, setup{args: args(r.url, bare, "--one-time", refused)}).Exits(exitUsage)
			if exists(bare) {
				t.Error("something is left")
			}
		})
	}
}

func TestOneTime(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	p := start(t, setup{args: args(r.url, root, "--one-time", "--touch-file=touched")})
	p.Exits(exitDone)
	if content(root, "file") != "one" {
		t.Error("nothing is published")
	}
	if !exists(filepath.Join(root, "touched")) {
		t.Error("the touch file is missing")
	}
}

func TestOneTimeFails(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	r.Fail(gitserver.Rule{Do: gitserver.Status(503)})
	root := t.TempDir()
	p := start(t, setup{args: args(r.url, root, "--one-time", "--wait=0.05", "--max-sync-failures=2", "--error-file=error.json")})
	p.Exits(exitFailed)
	if e := p.Logs("giving up"); !strings.Contains(e["error"].(string), "(consecutive failures: 3; --max-sync-failures=2)") || e["hint"] == nil {
		t.Errorf("gave up with %v", e)
	}
	if !exists(filepath.Join(root, "error.json")) {
		t.Error("the error file is missing")
	}
}

func TestOneTimeInterrupted(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	r.Fail(gitserver.Rule{Do: gitserver.Silence()})
	p := start(t, setup{args: args(r.url, t.TempDir(), "--one-time")})
	r.Await(gitserver.Info, 1)
	p.Signal(syscall.SIGTERM)
	p.Exits(exitFailed)
}

func TestOneTimeHookFails(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	ran := filepath.Join(t.TempDir(), "ran")
	for _, c := range []struct {
		name, option, text string
		code               int
	}{
		{"after, failing", "--exechook-command", "pwd >" + ran + "; exit 3", exitFailed},
		{"after", "--exechook-command", "sleep 0.3; echo $GITSYNC_HASH >" + ran, exitDone},
		{"gate, failing", "--pre-publish-exechook-command", "exit 3", exitFailed},
		{"gate", "--pre-publish-exechook-command", "test -e file", exitDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			p := start(t, setup{args: args(r.url, root, "--one-time", c.option+"="+script(t, c.text))})
			p.Exits(c.code)
			want := "one"
			if c.name == "gate, failing" {
				want = ""
			}
			if got := content(root, "file"); got != want {
				t.Errorf("published %q, want %q", got, want)
			}
			if c.option == "--exechook-command" && !exists(ran) {
				t.Error("ended before the hook had run")
			}
			_ = os.Remove(ran)
		})
	}
}

// TestGateIsAskedAgain has the gate refuse at first what a loop with the budget of v3 and v4, none at all, would publish first.
func TestGateIsAskedAgain(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root, asked := t.TempDir(), filepath.Join(t.TempDir(), "asked")
	gate := script(t, "echo >>"+asked+"; test $(wc -l <"+asked+") -ge 2")
	start(t, setup{args: args(r.url, root, "--period=1h", "--max-failures=0",
		"--pre-publish-exechook-command="+gate, "--pre-publish-exechook-backoff=1s")})
	published(t, root, "one")
}

func TestLoopFollowsAndStops(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	p := start(t, setup{args: args(r.url, root, "--period=50ms")})
	published(t, root, "one")
	r.repo.Commit(map[string]string{"file": "two"})
	published(t, root, "two")
	p.Signal(syscall.SIGTERM)
	p.Exits(exitDone)
}

func TestStopWhileTheRemoteIsSilent(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	r.Fail(gitserver.Rule{Do: gitserver.Silence()})
	p := start(t, setup{args: args(r.url, t.TempDir(), "--max-failures=-1")})
	r.Await(gitserver.Info, 1)
	children := family(p.PID())
	if len(children) < 2 {
		t.Fatalf("expected git and its helper to run, found %v", children)
	}
	p.Signal(syscall.SIGINT)
	select {
	case <-p.Done():
	case <-time.After(stopPatience):
		t.Error("stopping takes longer than two seconds")
	}
	p.Exits(exitDone)
	gone(t, children)
}

func TestSilentRemoteIsOneFailureAndTheNextSyncRuns(t *testing.T) { // W1
	t.Parallel()
	r := newRemote(t)
	r.Fail(gitserver.Rule{Times: 1, Do: gitserver.Silence()})
	root := t.TempDir()
	p := start(t, setup{args: args(r.url, root, "--max-failures=-1", "--period=100ms", "--sync-timeout=3s")})
	r.Await(gitserver.Info, 1)
	children := family(p.PID())
	published(t, root, "one")
	gone(t, children)
	if e := p.Logs("sync failed"); !strings.Contains(e["error"].(string), "--sync-timeout") {
		t.Errorf("failed with %v", e)
	}
	if e := p.Logs("recovered"); e["failures"] != 1.0 {
		t.Errorf("recovered: %v", e)
	}
}

func TestSignalSyncs(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	p := start(t, setup{args: args(r.url, root, "--period=1h", "--sync-on-signal=SIGUSR1")})
	published(t, root, "one")
	p.Logs("published revision")
	r.repo.Commit(map[string]string{"file": "two"})
	p.Signal(syscall.SIGUSR1)
	published(t, root, "two")
}

func TestErrorFileComesAndGoes(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	file := filepath.Join(root, "error.json")
	p := start(t, setup{args: args(r.url, root, "--period=50ms", "--backoff-max=100ms", "--error-file=error.json")})
	published(t, root, "one")
	r.Fail(gitserver.Rule{Do: gitserver.Status(500)})
	harness.Until(t, "the error file", func() bool { return exists(file) })
	var e struct {
		Msg, Err string
		Args     map[string]any
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &e); err != nil || e.Msg == "" || e.Err == "" || e.Args["hint"] == nil {
		t.Errorf("the error file holds %s (%v)", b, err)
	}
	r.Heal()
	harness.Until(t, "the end of the error file", func() bool { return !exists(file) })
	if content(root, "file") != "one" {
		t.Error("what was published is gone")
	}
	p.Signal(syscall.SIGTERM)
	p.Exits(exitDone)
}

func TestRestartPublishesAndFetchesNothing(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	start(t, setup{args: args(r.url, root, "--one-time")}).Exits(exitDone)
	before, err := os.Lstat(filepath.Join(root, "link"))
	if err != nil {
		t.Fatal(err)
	}
	r.Reset()
	p := start(t, setup{args: args(r.url, root, "--one-time")})
	p.Exits(exitDone)
	after, err := os.Lstat(filepath.Join(root, "link"))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the link was replaced (%v)", err)
	}
	if n := r.Count(gitserver.Fetch); n != 0 {
		t.Errorf("fetched %d times", n)
	}
	if n := r.Count(gitserver.LsRefs); n != 1 {
		t.Errorf("asked for refs %d times", n)
	}
}

func TestOutageDoesNotEndALoopThatHasPublished(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	start(t, setup{args: args(r.url, root, "--one-time")}).Exits(exitDone)
	r.Fail(gitserver.Rule{Do: gitserver.Status(502)})
	p := start(t, setup{args: args(r.url, root, "--period=20ms")})
	p.Logs("sync failed")
	r.Reset()
	r.Await(gitserver.Info, 3)
	r.repo.Commit(map[string]string{"file": "two"})
	r.Heal()
	published(t, root, "two")
}

func TestSecondProcessWaitsForTheRoot(t *testing.T) { // D5
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	first := start(t, setup{args: args(r.url, root, "--period=1h")})
	published(t, root, "one")
	second := start(t, setup{args: args(r.url, root, "--period=50ms")})
	if line := second.Logs("waiting for another git-sync"); !strings.Contains(fmt.Sprint(line["hint"]), "give each its own --root") {
		t.Errorf("%v has no hint", line)
	}
	r.repo.Commit(map[string]string{"file": "two"})
	first.Signal(syscall.SIGKILL)
	published(t, root, "two")
}

func TestPasswordGoesToGitAndNowhereElse(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	r.Require(gitserver.Basic("user", "s3cr3t-pass"))
	root := t.TempDir()
	url := strings.Replace(r.url, "http://", "http://user:s3cr3t-pass@", 1)
	p := start(t, setup{args: args(url, root, "--one-time", "-v=9")})
	p.Exits(exitDone)
	if content(root, "file") != "one" {
		t.Error("nothing is published")
	}
	if strings.Contains(p.Said(), "s3cr3t") {
		t.Error("the password is in the log")
	}
	r.Require(gitserver.Basic("user", "changed"))
	q := start(t, setup{args: args(url, t.TempDir(), "--one-time", "-v=9")})
	q.Exits(exitFailed)
	if strings.Contains(q.Said(), "s3cr3t") {
		t.Error("the refused password is in the log")
	}
}
