package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Command says how the program is run. The zero value runs git-sync without arguments.
type Command struct {
	Path string   // default: git-sync, built
	With []string // a command that runs the program, such as unshare
	Args []string
	Env  []string // beside PATH, HOME and TMPDIR, over which it wins
	Home string   // its home, where it also keeps temporary files; default: a directory of its own
	As   *syscall.Credential
}

// Env is a whole environment for the program, in which nothing is the machine's but PATH.
func Env(home string, extra ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home}
	if raced() {
		env = append(env, "GORACE=atexit_sleep_ms=0") // it would sleep a second before each exit
	}
	return append(env, extra...)
}

// Program is one that runs beside the test.
type Program struct {
	Home string
	Code int // its exit code, after Done

	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{}

	mu      sync.Mutex
	out     bytes.Buffer
	said    bytes.Buffer // standard error
	rest    []byte       // of a line that has not ended
	entries []map[string]any
}

// shown is how many bytes of what a program said a failed test shows.
const shown = 8000

// Start runs the program until it ends or the test does. When the test fails, it shows what the program said.
func Start(t testing.TB, c Command) *Program {
	t.Helper()
	p := launch(t, c)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			said := p.Said()
			t.Logf("%s said:\n%s", strings.Join(p.cmd.Args, " "), said[max(0, len(said)-shown):])
			if race := strings.Index(said, "WARNING: DATA RACE"); race >= 0 {
				t.Logf("the first race:\n%s", said[race:min(race+shown, len(said))])
			}
		}
	})
	return p
}

// Run runs the program to its end, and returns what it said and its exit code.
func Run(t testing.TB, c Command) (said string, code int) {
	t.Helper()
	p := launch(t, c)
	defer p.kill()
	p.waitEnd()
	return p.Said(), p.Code
}

func launch(t testing.TB, c Command) *Program {
	t.Helper()
	if c.Path == "" {
		c.Path = Binary(t)
	}
	if c.Home == "" {
		c.Home = t.TempDir()
	}
	p := &Program{Home: c.Home, t: t, done: make(chan struct{})}
	argv := append(slices.Concat(c.With, []string{c.Path}), c.Args...)
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Dir, p.cmd.Env, p.cmd.WaitDelay = c.Home, Env(c.Home, c.Env...), Patience
	p.cmd.Stdout, p.cmd.Stderr = writer(p.print), writer(p.log)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.As}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
		p.Code = p.cmd.ProcessState.ExitCode()
	}()
	return p
}

// kill ends it, and the processes of its group.
func (p *Program) kill() {
	if !p.Ended() { // its number may be another's by now
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	}
	<-p.done
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

func (p *Program) print(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(b)
}

func (p *Program) log(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said.Write(b)
	p.rest = append(p.rest, b...)
	for {
		line, rest, whole := bytes.Cut(p.rest, []byte("\n"))
		if !whole {
			return
		}
		p.rest = rest
		var entry map[string]any
		if json.Unmarshal(line, &entry) == nil {
			p.entries = append(p.entries, entry)
		}
	}
}

// Said is all that it has printed, standard output first.
func (p *Program) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String() + p.said.String()
}

// Output is what it has printed to standard output alone.
func (p *Program) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Lines are the entries of its log, of JSON, with that message.
func (p *Program) Lines(msg string) []map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []map[string]any
	for _, e := range p.entries {
		if e["msg"] == msg {
			found = append(found, e)
		}
	}
	return found
}

// Logs waits for a message in its log, and returns the first such entry.
func (p *Program) Logs(msg string) map[string]any {
	p.t.Helper()
	p.Until(fmt.Sprintf("a line %q in the log", msg), func() bool { return len(p.Lines(msg)) > 0 })
	return p.Lines(msg)[0]
}

// PID is its process ID.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Signal sends it a signal, unless it has ended.
func (p *Program) Signal(sig syscall.Signal) {
	if !p.Ended() { // its number may be another's by now
		_ = p.cmd.Process.Signal(sig)
	}
}

// Done is closed when it has ended.
func (p *Program) Done() <-chan struct{} { return p.done }

// Ended reports whether it has ended.
func (p *Program) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *Program) waitEnd() {
	p.t.Helper()
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.t.Fatalf("it does not end:\n%s", p.Said())
	}
}

// Exits waits until it ends by itself, and checks its exit code.
func (p *Program) Exits(code int) {
	p.t.Helper()
	p.waitEnd()
	if p.Code != code {
		p.t.Errorf("exit code %d, want %d", p.Code, code)
	}
}

// Stop ends it with SIGTERM, unless it has ended, and checks that it leaves no process behind.
func (p *Program) Stop() {
	p.t.Helper()
	if p.Ended() {
		return
	}
	p.Signal(syscall.SIGTERM)
	p.waitEnd()
	// They have been killed, so it takes moments; those that go on end by themselves sooner or later.
	for deadline := time.Now().Add(10 * time.Second); len(p.Family()) > 0; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Errorf("it has ended, and left behind: %q", p.Family())
			return
		}
	}
}

// Until polls a condition, and ends the test if the program ends before it comes true.
func (p *Program) Until(what string, is func() bool) {
	p.t.Helper()
	Until(p.t, what, func() bool {
		ended := p.Ended()
		if is() {
			return true
		}
		if ended {
			p.t.Fatalf("it ended before: %s", what)
		}
		return false
	})
}

// Family are the command lines of all live processes that have inherited its environment: itself, git and git's helpers,
// whatever their parent is by now.
func (p *Program) Family() []string {
	var all []string
	entries, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range entries {
		env, _ := os.ReadFile(name) // gone, a zombie, or another user's: empty
		if bytes.Contains(env, []byte("HOME="+p.Home+"\x00")) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
			all = append(all, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return all
}
