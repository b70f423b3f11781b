package proc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is one started process, the leader of its session and group.
type child struct {
	pid     int
	exited  chan struct{} // closed when the leader is dead; it is still there, a zombie
	release chan struct{} // closed by the owner: the pid is used no more, reap it
	done    chan struct{} // closed when it was reaped
	end     *ending       // valid after done
}

// ending is how a child ended: what wait4(2) says.
type ending struct {
	status unix.WaitStatus
	usage  unix.Rusage
}

func (e *ending) user() time.Duration   { return time.Duration(e.usage.Utime.Nano()) }
func (e *ending) system() time.Duration { return time.Duration(e.usage.Stime.Nano()) }

// spawn starts c with files as its descriptors, which it closes.
//
// Starting may block, when the program lies on a disk that does; spawn returns
// at ctx's end all the same, and what is started too late is killed.
func spawn(ctx context.Context, c Cmd, files []*os.File) (*child, error) {
	type start struct {
		ch  *child
		err error
	}
	started := make(chan start)
	onOwnThread(func() {
		pid, err := launch(c, files)
		closeAll(files)
		if err != nil {
			select {
			case started <- start{err: &Error{Path: c.Path, ExitCode: -1, Err: err}}:
			case <-ctx.Done():
			}
			return
		}
		ch := &child{
			pid: pid, exited: make(chan struct{}),
			release: make(chan struct{}), done: make(chan struct{}),
		}
		select {
		case started <- start{ch: ch}:
		case <-ctx.Done():
			ch.signal(unix.SIGKILL)
			close(ch.release)
		}
		ch.wait()
	})
	select {
	case s := <-started:
		return s.ch, s.err
	case <-ctx.Done():
		return nil, interrupted(ctx, c.Path)
	}
}

// UsualSlack is the timer slack that the kernel gives its first process (prctl(2),
// PR_SET_TIMERSLACK), and this package each child.
const UsualSlack = 50 * time.Microsecond

// launch starts the program. It asks package syscall: package os would find out
// first, by a child of its own, whether the kernel knows descriptors of
// processes, which is of no use to us and a millisecond of a short run.
func launch(c Cmd, files []*os.File) (int, error) {
	path, err := lookup(c.Path, c.Env)
	if err != nil {
		return 0, err
	}
	args := slices.Concat([]string{c.Path}, c.Args)
	if c.Umask != 0 {
		path, args = masked(c.Umask, path, c.Args)
	}
	fds := make([]uintptr, len(files))
	for i, f := range files {
		fds[i] = f.Fd()
	}
	// Timers may be late by what is usual, not by what is usual for us; where that cannot be set, they are.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(UsualSlack), 0, 0, 0)
	pid, _, err := syscall.StartProcess(path, args, &syscall.ProcAttr{
		Dir: c.Dir, Env: c.Env, Files: fds,
		Sys: &syscall.SysProcAttr{
			Setsid:    true,
			Pdeathsig: syscall.SIGKILL,
		},
	})
	runtime.KeepAlive(files)
	if err == nil {
		return pid, nil
	}
	if c.Dir != "" {
		// The kernel's error may be about the directory, and does not say so.
		if _, derr := os.Stat(c.Dir); derr != nil {
			return 0, &fs.PathError{Op: "chdir", Path: c.Dir, Err: errors.Unwrap(derr)}
		}
	}
	return 0, &fs.PathError{Op: "fork/exec", Path: path, Err: err}
}

// masked has a shell set the umask and then execute the program in its place. A thread
// of ours could set it for the child after unshare(CLONE_FS), but the seccomp profile
// that Docker and Kubernetes use by default forbids that.
func masked(mask fs.FileMode, path string, args []string) (shell string, shellArgs []string) {
	script := fmt.Sprintf(`umask %04o && exec "$0" "$@"`, mask.Perm())
	return "/bin/sh", slices.Concat([]string{"sh", "-c", script, path}, args)
}

// onOwnThread runs f in the background, on a thread that does nothing else
// meanwhile and is not the first one of the process.
//
// The thread matters twice: Pdeathsig strikes when it ends, and the kernel
// counts the child as its own, where orphans go to the first thread (see Init).
func onOwnThread(f func()) {
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		// Keep this thread busy until another one has the work.
		begun := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			close(begun)
			f()
		}()
		<-begun
	}()
}

// wait blocks until the leader has died and its owner has let go, then kills the
// rest of the group and reaps the leader.
func (ch *child) wait() {
	_ = uninterrupted(func() error { return unix.Waitid(unix.P_PID, ch.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) })
	close(ch.exited)
	<-ch.release
	ch.signal(unix.SIGKILL)
	ch.end = &ending{}
	// It cannot fail: nobody else waits for this process.
	_ = uninterrupted(func() error {
		_, err := unix.Wait4(ch.pid, &ch.end.status, 0, &ch.end.usage)
		return err
	})
	close(ch.done)
}

// uninterrupted makes a system call again for as long as a signal ends it.
func uninterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// signal sends sig to the whole group. Only for use before release is closed: the
// leader, dead or alive, keeps its number from being given to somebody else.
func (ch *child) signal(sig syscall.Signal) {
	_ = unix.Kill(-ch.pid, sig)
}

// reap lets go of the child and waits, for a moment, until it and its group are
// gone. It returns how the leader ended, or nil if it is still there.
func (ch *child) reap() *ending {
	close(ch.release)
	timer := time.NewTimer(reapWait)
	defer timer.Stop()
	select {
	case <-ch.exited:
		<-ch.done // a dead leader is reaped without delay
	case <-timer.C:
		return nil
	}
	// What SIGKILL was sent to may yet finish a system call, a rename say. Our
	// callers are about to tidy up after it.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for unix.Kill(-ch.pid, 0) == nil {
		select {
		case <-tick.C:
		case <-timer.C:
			return ch.end
		}
	}
	return ch.end
}
