package hook

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"git-sync/pkg/advice"
	"git-sync/test/harness"
)

// script writes an executable shell script and returns its path.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook.sh")
	harness.Executable(t, path, "#!/bin/sh\n"+body+"\n")
	return path
}

// eventually polls a real condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not: %s", what)
		}
	}
}

// sink is a log that can be read.
type sink struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sink) logger(verbosity int) logr.Logger {
	return funcr.New(func(_, args string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.b.WriteString(args + "\n")
	}, funcr.Options{Verbosity: verbosity})
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// program makes an exec hook with the usual timeout.
func program(o ExecOptions) *Exec {
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	return NewExec(o)
}

func TestExecSees(t *testing.T) {
	dir := t.TempDir()
	log := &sink{}
	x := program(ExecOptions{
		Name:    NameExec,
		Command: script(t, `pwd; echo "$# $GITSYNC_HASH $GITSYNC_PREVIOUS_HASH"; env | sort > env; read x || echo no input; echo oops >&2`),
		Env:     []string{"PATH=" + os.Getenv("PATH"), "KEPT=yes", "GITSYNC_PASSWORD=hunter2"},
		Log:     log.logger(0),
	})
	if err := x.Run(t.Context(), Event{Hash: "abc", Previous: "def", Dir: dir}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{dir + `\n0 abc def\nno input"`, `"stderr"="oops"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %q: %s", want, log)
		}
	}
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	if s := string(env); strings.Contains(s, "hunter2") || !strings.Contains(s, "KEPT=yes") {
		t.Errorf("environment: %s", s)
	}
}

// TestNoShell: the command is a path with whatever is in it, never a command line.
func TestNoShell(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a hook; touch pwned")
	if err := os.Rename(script(t, "echo ran > ran"), path); err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	if err := program(ExecOptions{Name: NameExec, Command: path, Log: logr.Discard()}).Run(t.Context(), Event{Hash: "a", Dir: tree}); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(tree, "*")); len(left) != 1 || filepath.Base(left[0]) != "ran" {
		t.Errorf("in the tree: %v", left)
	}
}

func TestExecPaths(t *testing.T) {
	tree := t.TempDir()
	if err := os.Rename(script(t, "exit 0"), filepath.Join(tree, "deploy.sh")); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]string{
		"./deploy.sh": "",
		"true":        "",
		"false":       "false: exit status 1",
		"deploy.sh":   "deploy.sh: not found in PATH",
		"/nonesuch":   "/nonesuch: ",
	} {
		err := program(ExecOptions{Name: NameExec, Command: command, Env: []string{"PATH=" + os.Getenv("PATH")}, Log: logr.Discard()}).Run(t.Context(), Event{Dir: tree})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", command, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%s: %v, want %s", command, err, want)
		case command != "false" && want != "" && advice.Hint(err) == "":
			t.Errorf("%s: no hint", command)
		}
	}
}

// TestGateRefusesWhenItsShellMissesACommand is about gates that exit with 0 because a command of theirs is not installed.
func TestGateRefusesWhenItsShellMissesACommand(t *testing.T) {
	for body, refused := range map[string]bool{
		"if no-such-command -q x; then exit 1; fi":              true,
		"exec bash -c 'no-such-command -q x || true'":           true,
		"echo 'image: not found' >&2":                           false,
		"command -v no-such-command || exit 0":                  false,
		"no-such-command 2>/dev/null || echo tolerated >&2":     false,
		"echo 'gate.sh: 7: grep: not found, says the log' >&2":  false,
		"echo 'https://example.com:8080/x: 404: not found' >&2": false,
	} {
		for name, want := range map[string]bool{NamePrePublish: refused, NameExec: false} {
			err := program(ExecOptions{Name: name, Command: script(t, body), Env: []string{"PATH=" + os.Getenv("PATH")}, Log: logr.Discard()}).
				Run(t.Context(), Event{Dir: t.TempDir()})
			if (err != nil) != want {
				t.Errorf("%s, %s: %v", name, body, err)
			}
			if err != nil && (!strings.Contains(err.Error(), "no-such-command") || !strings.Contains(advice.Hint(err), "image")) {
				t.Errorf("%s: %v, hint %q", body, err, advice.Hint(err))
			}
		}
	}
}

func TestExecFailure(t *testing.T) {
	for body, want := range map[string]string{
		`echo out; echo first >&2; echo last >&2; exit 3`: ": exit status 3: last",
		`echo only out; exit 4`:                           ": exit status 4: only out",
		`kill -9 $$`:                                      ": killed by signal 9 (killed)",
	} {
		path := script(t, body)
		err := program(ExecOptions{Name: NameExec, Command: path}).Run(t.Context(), Event{Dir: t.TempDir()})
		if err == nil || err.Error() != path+want {
			t.Errorf("%s: %v", body, err)
		}
		_, output := advice.Output(err)
		for _, line := range []string{"out", "first", "last"} {
			if strings.Contains(body, line) && !strings.Contains(output, line) {
				t.Errorf("%s: the error carries only %q", body, output)
			}
		}
	}
}

// TestOutputIsCapped: a chatty hook costs neither memory nor a log full of it, and is not killed for it.
func TestOutputIsCapped(t *testing.T) {
	log := &sink{}
	err := program(ExecOptions{
		Name: NameExec, Command: script(t, `i=0; while [ $i -lt 2000 ]; do echo "line $i of very much output that nobody will read"; i=$((i+1)); done; echo the end`),
		Log: log.logger(0),
	}).Run(t.Context(), Event{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(log.String()); n < 1000 || n > 3*maxOutput || !strings.Contains(log.String(), "the end") {
		t.Errorf("%d bytes in the log", n)
	}
}

// alive says whether a process exists and is no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	return !strings.Contains(string(stat), ") Z ")
}

// TestTimeoutEndsTheGroup is fault W7: whatever a hook does with its children, pipes and signals, its time is its time, and
// the next revision gets its hook.
func TestTimeoutEndsTheGroup(t *testing.T) {
	for name, body := range map[string]string{
		"background child keeps the pipes": `sleep 600 & echo $! > "$OUT"; exit 0`,
		"ignores SIGTERM":                  `trap '' TERM; sleep 600 & echo $! > "$OUT"; while :; do wait; done`,
		"simply slow":                      `sleep 600 & echo $! > "$OUT"; wait`,
		"closed its pipes":                 `exec >/dev/null 2>&1; sleep 600 & echo $! > "$OUT"; wait`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "pid")
			x := program(ExecOptions{
				Name: NameExec, Command: script(t, `[ "$GITSYNC_HASH" = second ] && exit 0; `+body), Timeout: time.Second,
				Env: []string{"PATH=" + os.Getenv("PATH"), "OUT=" + out}, Log: logr.Discard(),
			})
			q := NewQueue(x, QueueOptions{Backoff: time.Hour, Log: logr.Discard()})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { q.Run(ctx); close(done) }()
			defer func() { cancel(); <-done }()

			q.Send(Event{Hash: "first", Dir: t.TempDir()})
			eventually(t, "the first run has failed", func() bool { return q.Report().Runs[StatusError] == 1 })
			r := q.Report()
			if !strings.Contains(r.LastError, "did not end within 1s") || r.LastHint == "" {
				t.Errorf("error %q, hint %q", r.LastError, r.LastHint)
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the child is gone", func() bool { return !alive(pid) })
			q.Send(Event{Hash: "second", Dir: t.TempDir()})
			if err := q.Wait(t.Context()); err != nil || q.Report().Delivered != "second" {
				t.Errorf("the next revision: %v, %+v", err, q.Report())
			}
		})
	}
}

// TestExecStops: when git-sync stops, a hook that would go on for long does not.
func TestExecStops(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	x := program(ExecOptions{Name: NameExec, Command: script(t, `echo > "$OUT"; sleep 600`), Env: []string{"PATH=" + os.Getenv("PATH"), "OUT=" + started}, Log: logr.Discard()})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx, Event{Dir: t.TempDir()}) }()
	eventually(t, "the hook runs", func() bool { _, err := os.Stat(started); return err == nil })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestEnvironment(t *testing.T) {
	got := strings.Join(Environment([]string{
		"PATH=/bin", "HOME=/tmp", "EMPTY=", "odd", "=x",
		"GITSYNC_REPO=r", "GIT_SYNC_PASSWORD=p", "GITSYNC_HASH=forged", "GIT_ASKPASS=/x", "SSH_ASKPASS_REQUIRE=force", "GIT_CONFIG_VALUE_0=AUTH", "GIT_DIR=/x", "GIT_INDEX_FILE=i",
		"https_proxy=http://user:pw@proxy:3128", "HTTP_PROXY=user:p/w@proxy:3128", "ALL_PROXY=socks5://proxy", "no_proxy=a,b",
		"PLANTED=xhunter2y", "SHORT=ab", "CABLE=cable", "GIT_SSH_COMMAND=ssh -i key", "TZ=UTC",
	}, []string{"hunter2", "ab", "", " "}), "\n")
	want := strings.Join([]string{
		"PATH=/bin", "HOME=/tmp", "EMPTY=",
		"https_proxy=http://proxy:3128", "HTTP_PROXY=proxy:3128", "ALL_PROXY=socks5://proxy", "no_proxy=a,b",
		"CABLE=cable", "GIT_SSH_COMMAND=ssh -i key", "TZ=UTC",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
