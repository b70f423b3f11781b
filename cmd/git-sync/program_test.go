package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"git-sync/test/gitserver"
)

// stopPatience is how long the program may take to stop: contract §6.
const stopPatience = 2 * time.Second

// patience is how long anything may take that has to happen.
const patience = 20 * time.Second

// asProgram makes the test binary be the program, as do the variables by which git's helper is run.
const asProgram = "RUN_TEST_BINARY_AS_GIT_SYNC"

func TestMain(m *testing.M) {
	helper := slices.ContainsFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "GITSYNC_INTERNAL_") })
	if helper || os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is a running git-sync.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when it has exited
	code int           // after done

	mu     sync.Mutex
	stderr bytes.Buffer
	stdout bytes.Buffer
	log    []map[string]any
}

// setup is how a program is started.
type setup struct {
	env  []string // beside PATH and HOME
	args []string
	path string   // default: this test binary
	with []string // a command that is to run the program, such as unshare
}

// start runs git-sync; it is killed at the end of the test if it still runs.
func start(t *testing.T, s setup) *program {
	t.Helper()
	self := s.path
	if self == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		self = exe
	}
	argv := append(slices.Clone(s.with), append([]string{self}, s.args...)...)
	p := &program{t: t, done: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	// The race detector would sleep a second before each exit.
	p.cmd.Env = append([]string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GORACE=atexit_sleep_ms=0"}, s.env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = patience
	p.cmd.Stdout = writer(func(b []byte) { p.stdout.Write(b) }, &p.mu)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		p.read(stderr)
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // and the command that runs it, if there is one
		}
		<-p.done
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(s.args, " "), p.said())
		}
	})
	return p
}

// writer makes an io.Writer of a function that is called with the lock held.
func writer(f func([]byte), mu *sync.Mutex) io.Writer { return &funcWriter{f, mu} }

type funcWriter struct {
	f  func([]byte)
	mu *sync.Mutex
}

func (w *funcWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.f(b)
	return len(b), nil
}

func (p *program) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry map[string]any
		err := json.Unmarshal(lines.Bytes(), &entry)
		p.mu.Lock()
		p.stderr.Write(append(lines.Bytes(), '\n'))
		if err == nil {
			p.log = append(p.log, entry)
		}
		p.mu.Unlock()
	}
}

func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String() + p.stderr.String()
}

// lines are the log's entries with that message.
func (p *program) lines(msg string) []map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []map[string]any
	for _, e := range p.log {
		if e["msg"] == msg {
			found = append(found, e)
		}
	}
	return found
}

// kill sends a signal to the program alone.
func (p *program) kill(sig syscall.Signal) {
	select {
	case <-p.done: // its number may be another's by now
	default:
		_ = p.cmd.Process.Signal(sig)
	}
}

// exits waits for the program to end by itself and checks its exit code.
func (p *program) exits(code int) {
	p.t.Helper()
	select {
	case <-p.done:
		if p.code != code {
			p.t.Errorf("exited with %d, want %d", p.code, code)
		}
	case <-time.After(patience):
		p.t.Fatalf("still runs")
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

// logs waits for a line of the log.
func (p *program) logs(msg string) map[string]any {
	p.t.Helper()
	until(p.t, fmt.Sprintf("a line %q of the log", msg), func() bool { return len(p.lines(msg)) > 0 })
	return p.lines(msg)[0]
}

// upstream is an upstream with one commit, served over HTTP.
type upstream struct {
	*gitserver.Server
	repo *gitserver.Repo
	url  string
}

func newRemote(t *testing.T) upstream {
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"file": "one"})
	s := gitserver.HTTP(t, r)
	return upstream{Server: s, repo: r, url: s.RepoURL(r)}
}

// content is what a published file holds, "" if there is none.
func content(root, file string) string {
	b, err := os.ReadFile(filepath.Join(root, "link", file))
	if err != nil {
		return ""
	}
	return string(b)
}

// published waits until the published file holds that.
func published(t *testing.T, root, want string) {
	t.Helper()
	until(t, fmt.Sprintf("%q to be published", want), func() bool { return content(root, "file") == want })
}

// args are the options that every run has, and more.
func args(url, root string, more ...string) []string {
	return append([]string{"--repo=" + url, "--root=" + root, "--link=link", "--log-format=json"}, more...)
}

// freePort is an address on loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// status is the answer's status to a GET, 0 when there is none.
func status(url string) int {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// family are the process IDs of all that descend from pid now.
func family(pid int) []int {
	parents := map[int][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			if parent, _ := parentAndState(id); parent > 0 {
				parents[parent] = append(parents[parent], id)
			}
		}
	}
	var all []int
	for next := parents[pid]; len(next) > 0; {
		var below []int
		for _, id := range next {
			below = append(below, parents[id]...)
		}
		all = append(all, next...)
		next = below
	}
	return all
}

// parentAndState reads /proc/<pid>/stat: "pid (name) state parent ...".
func parentAndState(pid int) (parent int, state string) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	_, rest, _ := strings.Cut(string(b[bytes.LastIndexByte(b, ')'):]), " ")
	fields := strings.Fields(rest)
	parent, _ = strconv.Atoi(fields[1])
	return parent, fields[0]
}

// gone waits until none of the processes is left.
func gone(t *testing.T, pids []int) {
	t.Helper()
	until(t, fmt.Sprintf("the end of processes %v", pids), func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool {
			_, state := parentAndState(pid)
			return state != "" && state != "Z" // a zombie is its new parent's business
		})
	})
}

// script writes an executable shell script.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}
