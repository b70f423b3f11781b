//go:build amd64 || arm64

package crash

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Config says what [Run] runs.
type Config struct {
	Self  string   // the test binary, whose TestMain calls Launch
	Argv  []string // the program's path and arguments
	Env   []string
	Log   *os.File // its standard output and error
	Below string   // calls that change something below this directory are counted
	Takes bool     // stop also at calls that take a descriptor or make a process
	Limit time.Duration
	// Call is asked before each call is made, in the order in which they are seen. It runs on the tracing thread.
	Call func(Call) Action
	// Exited is asked when a git that git-sync itself runs has ended.
	Exited func(args string) Action
}

// Action is what is to become of a call.
type Action struct {
	Kill bool          // end all processes now, before the call is made
	Fail syscall.Errno // do not make the call, return this
}

// Outcome is how a run has ended.
type Outcome struct {
	Killed   bool
	TimedOut bool
	Code     int // exit code, -1 when killed
	Calls    int // how many changed the disk
	Takes    int // how many took a descriptor or made a process, if those were asked for
	Said     string
}

// ErrUnsupported says that this system lets nobody trace.
var ErrUnsupported = errors.New("processes cannot be traced here")

// Run runs the program and all that it starts to the end, which may be the one that an Action brings.
func Run(c Config) (Outcome, error) {
	type result struct {
		out Outcome
		err error
	}
	done := make(chan result)
	go func() {
		// The kernel knows a tracer by its thread. It is not unlocked: it ends with this goroutine, and what might still be
		// traced with it.
		runtime.LockOSThread()
		t := &tracer{Config: c, tasks: map[int]*task{}, calls: callsOf(c.Takes), execs: execCalls()}
		out, err := t.run()
		said, rerr := os.ReadFile(c.Log.Name())
		out.Said = string(said)
		done <- result{out, errors.Join(err, rerr)}
	}()
	r := <-done
	return r.out, r.err
}

// task is one thread of one process.
type task struct {
	group int    // its process
	args  string // if it is a git that git-sync runs
}

type tracer struct {
	Config
	calls, execs map[uint64]shape
	main         int
	armed        bool // the program itself runs: the launcher is through
	out          Outcome

	mu    sync.Mutex // for the watchdog, which reads tasks
	tasks map[int]*task
	over  bool // all have gone
	late  bool // the watchdog has struck
}

func (t *tracer) run() (Outcome, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return t.out, err
	}
	defer null.Close()
	p, err := os.StartProcess(t.Self, append([]string{t.Self}, t.Argv...), &os.ProcAttr{
		Env:   append([]string{launchVar + "=" + strconv.FormatBool(t.Takes)}, t.Env...),
		Files: []*os.File{null, t.Log, t.Log},
		Sys:   &syscall.SysProcAttr{Ptrace: true, Setpgid: true},
	})
	if err != nil {
		return t.out, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	t.main = p.Pid
	_ = p.Release() // it is waited for below
	var ws unix.WaitStatus
	if err := wait(t.main, &ws); err != nil {
		return t.out, err
	}
	const options = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACEEXEC |
		unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE
	if err := unix.PtraceSetOptions(t.main, options); err != nil {
		return t.out, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	t.tasks[t.main] = &task{group: t.main}
	watchdog := time.AfterFunc(t.Limit, t.timeout)
	defer watchdog.Stop()
	t.resume(t.main, 0)
	return t.loop()
}

// wait waits for one task that this thread traces.
func wait(pid int, ws *unix.WaitStatus) error {
	for {
		_, err := unix.Wait4(pid, ws, unix.WALL|unix.WNOTHREAD, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// next waits for any task that this thread traces. The test has other children, started by other threads or by this one before
// it became a tracer's: who has started those waits for them, and here they are passed over.
func (t *tracer) next(ws *unix.WaitStatus) (int, error) {
	for {
		var info struct { // the beginning of a siginfo_t
			Signo, Errno, Code, _ int32
			Pid                   int32
			_                     [27]int32
		}
		err := unix.Waitid(unix.P_ALL, 0, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT|unix.WALL|unix.WNOTHREAD, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		pid := int(info.Pid)
		if t.tasks[pid] == nil && status(pid, "TracerPid") == 0 {
			<-time.After(time.Millisecond)
			continue
		}
		return pid, wait(pid, ws)
	}
}

func (t *tracer) loop() (Outcome, error) {
	for {
		var ws unix.WaitStatus
		pid, err := t.next(&ws)
		if errors.Is(err, unix.ECHILD) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.over = true
			t.out.TimedOut = t.late
			return t.out, nil
		}
		if err != nil {
			return t.out, err
		}
		if ws.Exited() || ws.Signaled() {
			t.ended(pid, ws)
			continue
		}
		t.stopped(pid, ws)
	}
}

// ended takes note of a task's end.
func (t *tracer) ended(pid int, ws unix.WaitStatus) {
	t.mu.Lock()
	was := t.tasks[pid]
	delete(t.tasks, pid)
	t.mu.Unlock()
	if pid == t.main {
		t.out.Code = -1
		if ws.Exited() {
			t.out.Code = ws.ExitStatus()
		}
	}
	if was != nil && was.args != "" && t.Exited != nil && !t.out.Killed && t.Exited(was.args).Kill {
		t.kill()
	}
}

// stopped deals with a task that has stopped, and lets it go on.
func (t *tracer) stopped(pid int, ws unix.WaitStatus) {
	if t.tasks[pid] == nil {
		t.mu.Lock()
		t.tasks[pid] = &task{group: groupOf(pid)}
		if t.out.Killed || t.late {
			t.killAll() // it was born while the others were being killed
		}
		t.mu.Unlock()
		if ws.StopSignal() == unix.SIGSTOP {
			t.resume(pid, 0) // how a new task begins
			return
		}
	}
	if ws.StopSignal() != unix.SIGTRAP {
		t.resume(pid, int(ws.StopSignal()))
		return
	}
	switch ws.TrapCause() {
	case unix.PTRACE_EVENT_SECCOMP:
		t.call(pid)
	case unix.PTRACE_EVENT_EXEC:
		if !t.armed && pid == t.main {
			exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
			t.armed = exe == t.Argv[0]
		}
	case 0, -1:
		t.resume(pid, int(unix.SIGTRAP))
		return
	}
	t.resume(pid, 0)
}

// call asks what is to become of the call that a task is about to make.
func (t *tracer) call(pid int) {
	if !t.armed || t.out.Killed {
		return
	}
	var r registers
	if r.load(pid) != nil {
		return // killed meanwhile
	}
	var c Call
	if s, ok := t.execs[r.number()]; ok {
		c = s.describe(pid, r.args())
		c.Exec, c.Args, c.Own = true, readArgs(pid, r.args()[1]), parent(pid) == t.main
		if c.Own {
			t.tasks[pid].args = c.Args
		}
	} else if c, ok = t.counted(pid, r.args(), t.calls[r.number()]); !ok {
		return
	}
	switch do := t.Call(c); {
	case do.Kill:
		t.kill()
	case do.Fail != 0:
		_ = r.fail(pid, do.Fail) // killed meanwhile
	}
}

// counted gives a call its numbers; false when it is of no interest.
func (t *tracer) counted(pid int, a [6]uint64, s shape) (Call, bool) {
	if s.name == "" || s.only != nil && !s.only(a) {
		return Call{}, false
	}
	c := s.describe(pid, a)
	c.Own = t.tasks[pid].group == t.main
	if s.changes(pid, a) && (below(c.Path, t.Below) || below(c.To, t.Below)) {
		t.out.Calls++
		c.N = t.out.Calls
	}
	if t.Takes && s.takes != 0 {
		t.out.Takes++
		c.T = t.out.Takes
	}
	return c, c.N+c.T > 0
}

func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func (t *tracer) resume(pid, signal int) {
	_ = unix.PtraceCont(pid, signal) // it may have been killed meanwhile
}

// kill ends all processes.
func (t *tracer) kill() {
	t.out.Killed = true
	t.mu.Lock()
	defer t.mu.Unlock()
	t.killAll()
}

func (t *tracer) killAll() {
	if t.over {
		return // their numbers may be others' by now
	}
	for _, task := range t.tasks {
		_ = unix.Kill(task.group, unix.SIGKILL)
	}
}

// timeout is the watchdog.
func (t *tracer) timeout() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = true
	t.killAll()
}

// status reads a number from /proc/<pid>/status.
func status(pid int, field string) int {
	data, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n := 0
			if _, err := fmt.Sscan(rest, &n); err != nil && !errors.Is(err, io.EOF) {
				return 0
			}
			return n
		}
	}
	return 0
}

func parent(pid int) int { return status(pid, "PPid") }

// groupOf is the process that a thread belongs to; itself when it has gone.
func groupOf(pid int) int {
	if g := status(pid, "Tgid"); g != 0 {
		return g
	}
	return pid
}
