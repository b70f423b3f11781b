package proc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is one process, the leader of its session and group.
type child struct {
	cmd     *exec.Cmd
	path    string     // the program as it was given
	outputs []*os.File // our ends of standard output and error
	theirs  []*os.File // files that only the child needs; closed after the start
	stdout  *capture   // nil: standard output is not copied
	stderr  *capture
	begun   time.Time
	exited  chan struct{} // closed when the leader has died; it is still a zombie
	ended   chan struct{} // closed when the leader has died and the copied output has ended
	release chan struct{} // closed when the group will not be signalled any more
	reaped  chan struct{} // closed when the leader was reaped
	err     error         // of cmd.Wait; valid after reaped
}

// newChild prepares the child for c, unless ctx has ended.
func newChild(ctx context.Context, c Cmd) (*child, error) {
	if ctx.Err() != nil {
		return nil, interrupted(ctx, c.Path)
	}
	ch := &child{
		path: c.Path, stderr: newCapture(c, c.StderrTo), begun: time.Now(),
		exited: make(chan struct{}), ended: make(chan struct{}), release: make(chan struct{}), reaped: make(chan struct{}),
		cmd: &exec.Cmd{
			Dir: c.Dir, Env: append([]string{}, c.Env...), // nil would mean our environment
			Stdin:       c.Stdin,
			SysProcAttr: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
			WaitDelay:   reapWait / 4,
		},
	}
	if err := ch.open(c); err != nil {
		return nil, ch.unstarted(err)
	}
	return ch, nil
}

// open finds the program and opens the child's descriptors. It makes its own pipes for the output: with those of
// os/exec, it is not possible to wait until a deadline, nor before the leader is reaped.
func (ch *child) open(c Cmd) error {
	path, err := LookPath(c.Path, c.Env)
	if err != nil {
		return err
	}
	ch.cmd.Path, ch.cmd.Args = path, slices.Concat([]string{c.Path}, c.Args)
	if c.Umask != 0 {
		ch.cmd.Path, ch.cmd.Args = masked(c.Umask, path, c.Args)
	}
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		ch.outputs, ch.theirs = append(ch.outputs, r), append(ch.theirs, w)
	}
	ch.cmd.Stdout, ch.cmd.Stderr = ch.theirs[0], ch.theirs[1]
	for _, f := range c.ExtraFiles {
		// The caller may close the file while start is still blocked.
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("dup", err)
		}
		own := os.NewFile(uintptr(fd), f.Name())
		ch.cmd.ExtraFiles, ch.theirs = append(ch.cmd.ExtraFiles, own), append(ch.theirs, own)
	}
	return nil
}

// masked returns a shell command that sets the umask and then executes the program. A thread of ours could set the
// umask for the child after unshare(CLONE_FS), but the default seccomp profile of Docker and Kubernetes forbids that.
func masked(mask fs.FileMode, path string, args []string) (shell string, shellArgs []string) {
	script := fmt.Sprintf(`umask %04o && exec "$0" "$@"`, mask.Perm())
	return "/bin/sh", slices.Concat([]string{"sh", "-c", script, path}, args)
}

// unstarted closes all files of a child that was not started, and returns its error. The kernel's error may be about
// the directory, but does not say so.
func (ch *child) unstarted(err error) error {
	closeAll(slices.Concat(ch.outputs, ch.theirs))
	if _, derr := os.Stat(ch.cmd.Dir); ch.cmd.Dir != "" && derr != nil {
		err = &fs.PathError{Op: "chdir", Path: ch.cmd.Dir, Err: errors.Unwrap(derr)}
	}
	return &Error{Path: ch.path, ExitCode: -1, Err: err}
}

// start starts the child. That may block if the program is on a disk that blocks. At the end of ctx, start returns
// nevertheless, and a child that starts later is killed.
func (ch *child) start(ctx context.Context) error {
	started := make(chan error)
	onOwnThread(func() {
		err := ch.cmd.Start()
		closeAll(ch.theirs)
		select {
		case started <- err:
		case <-ctx.Done():
			if err == nil {
				ch.kill()
			}
		}
		if err == nil {
			ch.wait()
		}
	})
	select {
	case err := <-started:
		if err != nil {
			return ch.unstarted(err)
		}
		ch.copyOutput()
		return nil
	case <-ctx.Done():
		closeAll(ch.outputs)
		return interrupted(ctx, ch.path)
	}
}

// onOwnThread runs f in the background, on a thread that does nothing else meanwhile and is not the first thread of
// the process.
//
// There are two reasons: Pdeathsig kills the child when the thread ends, and the kernel considers the child that of
// its thread, while orphans go to the first thread (see Init).
func onOwnThread(f func()) {
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		// Keep this thread busy until another one runs f.
		begun := make(chan struct{})
		onOwnThread(func() {
			close(begun)
			f()
		})
		<-begun
	}()
}

// wait blocks until the leader has died and release is closed, then reaps the leader.
func (ch *child) wait() {
	for {
		err := unix.Waitid(unix.P_PID, ch.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	close(ch.exited)
	<-ch.release
	ch.err = ch.cmd.Wait()
	close(ch.reaped)
}

// copyOutput copies the child's output in the background, until it ends or is cut off. Then, when the leader has died
// too, it closes ended.
func (ch *child) copyOutput() {
	var streams sync.WaitGroup
	for i, into := range []*capture{ch.stdout, ch.stderr} {
		if into != nil {
			streams.Go(func() { into.readFrom(ch.outputs[i]) })
		}
	}
	go func() {
		streams.Wait()
		<-ch.exited
		close(ch.ended)
	}()
}

// await blocks until the child and its output have ended, and returns nil. If the child must be stopped, it returns
// the reason.
func (ch *child) await(ctx context.Context) error {
	select {
	case <-ch.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if cause := context.Cause(ctx); errors.Is(cause, ErrOutputTooLarge) {
		return cause // truncated output must not be used as if it were complete
	}
	return nil
}

// terminate asks the whole group to end, and waits for that for a limited time.
func (ch *child) terminate(grace time.Duration) {
	if grace <= 0 {
		return
	}
	ch.signal(unix.SIGTERM)
	select {
	case <-ch.ended:
	case <-time.After(min(grace, maxGrace)):
	}
}

// signal sends sig to the whole group. It must not be used after release is closed: until then the leader, dead or
// alive, keeps its process ID from being reused.
func (ch *child) signal(sig syscall.Signal) {
	_ = unix.Kill(-ch.cmd.Process.Pid, sig)
}

// kill kills the group, and lets wait reap the leader.
func (ch *child) kill() {
	ch.signal(unix.SIGKILL)
	close(ch.release)
}

// finish kills the rest of the group, and waits a short time until it has gone. cause is why the child was stopped,
// if it was. The error is nil if the child succeeded.
func (ch *child) finish(cause error) (Result, *Error) {
	ch.kill()
	state := ch.reap()
	ch.cutOff()
	res := Result{Wall: time.Since(ch.begun), Stderr: ch.stderr.bytes()}
	e := &Error{Path: ch.path, ExitCode: -1, Stderr: string(res.Stderr), Err: cause}
	if ch.stdout != nil {
		res.Stdout = ch.stdout.bytes()
	}
	if state == nil {
		e.Err = errUnkillable
		if cause != nil {
			e.Err = fmt.Errorf("%w; %w", cause, errUnkillable)
		}
		return res, e
	}
	res.User, res.System = state.UserTime(), state.SystemTime()
	e.ExitCode = state.ExitCode() // -1 unless the child exited
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = status.Signal()
	}
	if cause == nil && state.Success() && !errors.Is(ch.err, exec.ErrWaitDelay) {
		e.Err = ch.err // an error of reading Stdin
	}
	if e.Err == nil && e.ExitCode == 0 {
		return res, nil
	}
	return res, e
}

// reap waits a short time until the killed group has gone. It returns the state of the leader, or nil if it still
// exists. If the leader has died, reap waits for it without a limit, because only our own goroutines can be late.
func (ch *child) reap() *os.ProcessState {
	limit := time.After(reapWait)
	select {
	case <-ch.exited:
	case <-limit:
		return nil
	}
	<-ch.reaped
	// A killed process may still finish a system call, such as a rename, and callers are about to clean up after it.
	for unix.Kill(-ch.cmd.Process.Pid, 0) == nil {
		select {
		case <-time.After(time.Millisecond):
		case <-limit:
			return ch.cmd.ProcessState
		}
	}
	return ch.cmd.ProcessState
}

// cutOff stops reading output that another process still holds open. It does not wait for a blocked tee.
func (ch *child) cutOff() {
	for _, f := range ch.outputs {
		_ = f.SetReadDeadline(time.Now().Add(reapWait / 4))
	}
	select {
	case <-ch.ended:
	case <-time.After(reapWait / 2):
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
