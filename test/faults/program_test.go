// Package faults drives the real program, as its users run it, through what networks, readers and time do to it. Crashes are
// in test/crash; the faults of each package alone are beside the package. The table of all of them is docs/reliability.md.
package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that has to happen, on a machine that has much else to do.
const patience = 2 * time.Minute

var built struct {
	once sync.Once
	dir  string
	err  error
}

// report is what TestMain prints at the end: figures for people.
var report struct {
	sync.Mutex
	lines []string
}

func say(format string, args ...any) {
	report.Lock()
	defer report.Unlock()
	report.lines = append(report.lines, fmt.Sprintf(format, args...))
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	for _, line := range report.lines {
		fmt.Println(line)
	}
	os.Exit(code)
}

// binary is git-sync itself, built once.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(build)
	must(t, built.err)
	return filepath.Join(built.dir, "git-sync")
}

// build builds it in a directory that outlives the test.
func build() {
	if built.dir, built.err = os.MkdirTemp("", "faults-binary-"); built.err != nil {
		return
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", built.dir, "git-sync/cmd/git-sync")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		built.err = fmt.Errorf("building git-sync: %w\n%s", err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program is git-sync, looping.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	dir  string // its home, with the root and the error file
	done chan struct{}

	mu       sync.Mutex
	said     bytes.Buffer
	recycled int // trees that were made from one set aside, at -v 1
}

// Write takes what it says.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said.Len() > 1<<20 {
		p.said.Reset()
	}
	p.recycled += bytes.Count(b, []byte("made the tree from the one set aside"))
	return p.said.Write(b)
}

// start runs git-sync on a root of its own.
func start(t *testing.T, url string, args ...string) *program {
	t.Helper()
	p := &program{t: t, dir: t.TempDir(), done: make(chan struct{})}
	fixed := []string{
		"--repo=" + url, "--ref=main", "--root=" + p.root(), "--link=link", "--period=50ms", "--max-failures=-1",
		"--backoff-max=100ms", "--error-file=" + p.errorFile(), "--log-format=json",
	}
	p.cmd = exec.Command(binary(t), append(fixed, args...)...)
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "TMPDIR=" + p.dir}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.WaitDelay = patience
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			said := p.said.String()
			t.Logf("git-sync said:\n%s", said[max(0, len(said)-6000):])
		}
	})
	return p
}

func (p *program) root() string      { return filepath.Join(p.dir, "root") }
func (p *program) link() string      { return filepath.Join(p.root(), "link") }
func (p *program) errorFile() string { return filepath.Join(p.dir, "error.json") }

// stop ends it, and looks whether it has left a process.
func (p *program) stop() {
	select {
	case <-p.done: // its number may be another's by now
		return
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		p.t.Error("does not stop")
		<-p.done
	}
	// They have been killed, all of them: it takes moments.
	for deadline := time.Now().Add(20 * time.Second); len(p.family()) > 0; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Errorf("it has ended, and left behind: %q", p.family())
			return
		}
	}
}

// until polls a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// publishes waits until the link leads to a revision.
func (p *program) publishes(hash string) {
	p.t.Helper()
	until(p.t, "publishing "+hash, func() bool { return p.published() == hash })
}

// published is the revision that the link names.
func (p *program) published() string {
	target, _ := os.Readlink(p.link()) // not there: nothing is published
	return filepath.Base(target)
}

// fails waits for a failed sync, and returns its error.
func (p *program) fails() string {
	p.t.Helper()
	var text string
	until(p.t, "a failure", func() bool {
		data, err := os.ReadFile(p.errorFile())
		text = string(data)
		return err == nil
	})
	return text
}

// recovers waits until no error is left, the revision is published, and nothing is left of the attempts that failed.
func (p *program) recovers(hash string) {
	p.t.Helper()
	p.publishes(hash)
	until(p.t, "the end of the failures", func() bool {
		_, err := os.Lstat(p.errorFile())
		return errors.Is(err, fs.ErrNotExist)
	})
	until(p.t, "a store without leftovers", func() bool { return len(leftovers(filepath.Join(p.root(), ".git"))) == 0 })
}

// leftovers are git's temporary files in a store.
func leftovers(dir string) []string {
	var all []string
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, _ error) error {
		if d != nil && (strings.HasPrefix(d.Name(), "tmp_") || strings.HasSuffix(d.Name(), ".lock")) {
			all = append(all, name)
		}
		return nil
	})
	return all
}

// family are the processes alive that have inherited the program's environment: itself, git, and git's helpers, whoever is
// their parent by now.
func (p *program) family() []string {
	var all []string
	entries, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range entries {
		env, _ := os.ReadFile(name) // gone, a zombie, or somebody else's: empty
		if bytes.Contains(env, []byte("HOME="+p.dir+"\x00")) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
			all = append(all, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return all
}
