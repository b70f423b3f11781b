package proc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"git-sync/pkg/proc"
)

// The test binary plays the children: with this variable set it does what it says
// and exits.
const roleVar = "PROC_TEST_ROLE"

// raceFast keeps a child under the race detector from lingering a second at its
// exit.
const raceFast = "GORACE=atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

// play is the life of a child.
func play(role string) int {
	switch role {
	case "echo":
		fmt.Fprint(os.Stderr, strings.Join(os.Args[1:], "|"))
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "fail":
		fmt.Fprintln(os.Stderr, "first words\nlast words")
		return 7
	case "umask":
		fmt.Printf("%04o %s", unix.Umask(0), strings.Join(os.Args[1:], "|"))
	case "env":
		fmt.Print(strings.Join(os.Environ(), "\n"))
	case "ids":
		_, err := os.Open("/dev/tty")
		sid, _ := unix.Getsid(0)
		fmt.Print(os.Getpid() == unix.Getpgrp(), os.Getpid() == sid, err != nil)
	case "sleep":
		fmt.Println(os.Getpid())
		forever()
	case "polite":
		term := make(chan os.Signal, 1)
		signal.Notify(term, unix.SIGTERM)
		fmt.Println(os.Getpid())
		<-term
		fmt.Println("goodbye")
	case "deaf":
		signal.Ignore(unix.SIGTERM)
		fmt.Println(os.Getpid())
		forever()
	case "flood":
		flood(os.Stdout)
	case "chatter":
		for i := range 10_000 {
			fmt.Fprintf(os.Stderr, "line %d\n", i)
			fmt.Fprintf(os.Stdout, "line %d\n", i)
		}
	case "leave":
		leave(os.Stdout)
	case "leave-quietly":
		leave(nil)
	case "cat":
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			fmt.Println("heard", lines.Text())
		}
		return 3
	case "suicide":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		forever()
	case "parent":
		// Reports a child of its own by proc, and is killed from outside.
		_, _ = proc.Run(context.Background(), proc.Cmd{
			Path: os.Args[0], Env: []string{roleVar + "=sleep", raceFast}, StdoutTo: os.Stdout,
		})
	case "first-thread":
		answer := make(chan string)
		proc.OnOwnThread(func() {
			if unix.Gettid() == os.Getpid() {
				answer <- "the first thread"
			}
			answer <- "another thread"
		})
		fmt.Print(<-answer)
	case "kept-thread":
		fmt.Print(playKeptThread())
	case "reaper":
		return playReaper()
	case "orphans":
		return playOrphans()
	case "tracer":
		return playTracer()
	default:
		fmt.Fprintln(os.Stderr, "no such role:", role)
		return 99
	}
	return 0
}

// playKeptThread has other goroutines lock every thread they find idle while f
// waits, and looks whether f goes on where it was.
func playKeptThread() string {
	ids, proceed := make(chan int), make(chan struct{})
	proc.OnOwnThread(func() {
		ids <- unix.Gettid()
		<-proceed
		ids <- unix.Gettid()
	})
	before := <-ids
	for range 5 {
		locked := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(locked)
			<-proceed
		}()
		<-locked
	}
	close(proceed)
	if <-ids != before {
		return "another thread"
	}
	return "the same thread"
}

// forever blocks until killed.
func forever() {
	select {
	case <-make(chan struct{}):
	case <-time.After(time.Hour): // keeps the runtime from calling it a deadlock
	}
}

func flood(w io.Writer) {
	block := make([]byte, 64<<10)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// leave starts a grandchild that sleeps, holding out if that is not nil, tells its
// ID on our standard error, and does not wait.
func leave(out *os.File) {
	r, w, _ := os.Pipe()
	files := []*os.File{nil, w, nil}
	if out != nil {
		files[2] = out
	}
	p, err := os.StartProcess(os.Args[0], []string{"grandchild"}, &os.ProcAttr{
		Env: []string{roleVar + "=sleep", raceFast}, Files: files,
	})
	if err != nil {
		panic(err)
	}
	_, _ = bufio.NewReader(r).ReadString('\n')
	fmt.Fprintln(os.Stderr, p.Pid)
}

// self is a command in which the test binary plays role.
func self(t testing.TB, role string, args ...string) proc.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return proc.Cmd{Path: exe, Args: args, Env: []string{roleVar + "=" + role, raceFast}}
}

// lines passes on each line written to it.
type lines struct {
	mu   sync.Mutex
	rest string
	to   chan string
}

func newLines() *lines { return &lines{to: make(chan string, 100)} }

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest += string(b)
	for {
		line, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			return len(b), nil
		}
		l.rest = rest
		l.to <- line
	}
}

// pid waits for a line with a process ID.
func (l *lines) pid(t testing.TB) int {
	t.Helper()
	pid, err := strconv.Atoi(<-l.to)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually polls until ok, and fails the test if that takes absurdly long.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not so: %s", what)
		}
	}
}

// gone reports whether no live process has this ID; a zombie that its foster
// parent has yet to reap counts as gone.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X")
}

// groupGone reports whether the group has no live member.
func groupGone(pgid int) bool {
	if errors.Is(unix.Kill(-pgid, 0), unix.ESRCH) {
		return true
	}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || gone(pid) {
			continue
		}
		if of, err := unix.Getpgid(pid); err == nil && of == pgid {
			return false
		}
	}
	return true
}
