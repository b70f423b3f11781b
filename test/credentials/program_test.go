package credentials

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that has to happen.
const patience = 40 * time.Second

// built is git-sync itself, built once for all tests that want it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(build)
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "git-sync")
}

// build builds it in a directory that outlives the test.
func build() {
	if built.dir, built.err = os.MkdirTemp("", "auth-binary-"); built.err != nil {
		return
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", built.dir, "git-sync/cmd/git-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		built.err = fmt.Errorf("building git-sync: %w\n%s", err, out)
	}
}

// removeBuilt is called when all tests are over.
func removeBuilt() {
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}

// program is git-sync, looping.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	dir  string // its root, error file and the like
	done chan struct{}

	mu   sync.Mutex
	said bytes.Buffer
}

// Write takes what it says.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *program) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// start runs git-sync with the arguments and everything that could tell a secret.
func start(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{t: t, dir: t.TempDir(), done: make(chan struct{})}
	hook := filepath.Join(p.dir, "hook")
	put(t, hook, "#!/bin/sh\nenv >> "+filepath.Join(p.dir, "hook.env")+"\n", 0o755)
	args = append([]string{
		"--root=" + filepath.Join(p.dir, "root"), "--link=out", "--period=100ms", "--max-failures=-1", "--backoff-max=100ms",
		"--error-file=" + p.errorFile(), "--exechook-command=" + hook, "-v=9",
	}, args...)
	p.cmd = exec.Command(binary(t), args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "TMPDIR=" + p.dir}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.WaitDelay = patience
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(args, " "), tail(p.log(), 4000))
		}
	})
	return p
}

func (p *program) errorFile() string { return filepath.Join(p.dir, "error.json") }

// stop ends it.
func (p *program) stop() {
	select {
	case <-p.done: // its number may be another's by now
		return
	default:
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		p.t.Error("git-sync did not stop")
	}
}

// until waits for something, and fails the test if git-sync ends before.
func (p *program) until(what string, is func() bool) {
	p.t.Helper()
	eventually(p.t, what, func() bool {
		if is() {
			return true
		}
		select {
		case <-p.done:
			p.t.Fatalf("ended before: %s", what)
		default:
		}
		return false
	})
}

// eventually polls a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// publishes waits for a version of README.
func (p *program) publishes(content string) {
	p.t.Helper()
	p.until("README to be "+content, func() bool {
		b, err := os.ReadFile(filepath.Join(p.dir, "root", "out", "README"))
		return err == nil && string(b) == content
	})
}

// fails waits for a failure that is told with these words.
func (p *program) fails(words ...string) {
	p.t.Helper()
	p.until("an error that says "+strings.Join(words, ", "), func() bool {
		b, err := os.ReadFile(p.errorFile())
		if err != nil {
			return false
		}
		for _, w := range words {
			if !strings.Contains(string(b), w) {
				return false
			}
		}
		return true
	})
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
