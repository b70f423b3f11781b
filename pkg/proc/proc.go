// Package proc runs child processes that cannot outlive their time limit.
//
// It hides process groups, signals, pipes, deadlines and reaping. It is the only
// package that starts programs.
//
// The following holds for every child:
//
//   - It leads its own session and process group. So it has no terminal for prompts, and it is killed together with its
//     helpers.
//   - When the context of [Run] ends, the whole group is killed, and Run returns within a second, even if the child hangs
//     in the kernel (a disk that blocks). Such a child is reaped in the background when it dies.
//   - A group is signalled only until its leader is reaped, because its process ID may be reused after that.
//   - It dies with this process: the kernel kills it when the thread that started it ends. So that thread is kept as long
//     as the child lives.
//   - It inherits nothing: no environment, and no descriptors except those that it was given.
//   - No error and no log contains its arguments, which may contain secrets.
//
// os/exec starts and reaps the children. This package adds what os/exec does not guarantee: the whole group is killed
// before the call returns, and before its leader is reaped. Pipes that outlive the leader are read until the context
// ends. An unkillable child is left behind. Output is limited. Process 1 reaps orphans.
//
// The package has no state of its own. The kernel knows which children are ours: see [Init].
package proc

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

const (
	// defaultMaxOutput is the default of [Cmd.MaxOutput].
	defaultMaxOutput = 1 << 20

	// maxGrace limits [Cmd.Grace], and reapWait limits the wait after SIGKILL. Together they are less than the second
	// that [Run] promises.
	maxGrace = 600 * time.Millisecond
	reapWait = 200 * time.Millisecond
)

// ErrOutputTooLarge is the cause of an [Error] if a child was killed because it wrote more than [Cmd.MaxOutput] bytes
// to its standard output.
var ErrOutputTooLarge = errors.New("more output than expected")

// Cmd describes a child. Only Path is required.
type Cmd struct {
	// Path is the program: a path if it contains a slash, otherwise a name to look up in the PATH of Env.
	Path string
	// Args are the arguments, without the program's name.
	Args []string
	// Dir is the working directory; empty: that of this process.
	Dir string
	// Env is the complete environment. If a name occurs twice, the last one counts.
	Env []string
	// Stdin is the child's standard input; nil: /dev/null. An *os.File is passed to the child. Another reader is
	// copied in the background, and must not block forever.
	Stdin io.Reader
	// StdoutTo and StderrTo get the output as it arrives, each from its own goroutine. They must not block. With
	// StdoutTo, the amount of output is not limited, and Result.Stdout is its tail.
	StdoutTo, StderrTo io.Writer
	// MaxOutput limits how much of each stream is kept, in bytes (0: 1 MiB). Without StdoutTo, the child is killed if
	// its standard output is larger. Of standard error, the tail is kept.
	MaxOutput int
	// Umask is the child's file mode creation mask; 0: that of this process, which never changes.
	Umask fs.FileMode
	// ExtraFiles become descriptors 3 and up. The caller may close them at any time after Run or Start has returned.
	ExtraFiles []*os.File
	// Grace is the time between SIGTERM and SIGKILL when the context ends. 0 means SIGKILL at once. The maximum is
	// 600 ms.
	Grace time.Duration
}

// Result is the result of a child. It is as complete as possible, also if there is an error.
type Result struct {
	// Stdout and Stderr are the output that was kept: see [Cmd.MaxOutput].
	Stdout, Stderr []byte
	// Wall is the time from start to end. User and System are the CPU time of the child and of all descendants that
	// were waited for.
	Wall, User, System time.Duration
}

// Run starts a child and blocks until it has exited and its output has ended. Then it kills the rest of the child's
// group.
//
// If processes that the child left behind hold its output open, Run waits for them too, until ctx ends. Run returns
// within a second after ctx has ended. The error is an [*Error].
func Run(ctx context.Context, c Cmd) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ch, err := newChild(ctx, c)
	if err != nil {
		return Result{}, err
	}
	ch.stdout = newCapture(c, c.StdoutTo)
	if c.StdoutTo == nil {
		ch.stdout.overflow = func() { cancel(ErrOutputTooLarge) }
	}
	if err := ch.start(ctx); err != nil {
		return Result{}, err
	}
	cause := ch.await(ctx)
	if cause != nil {
		ch.terminate(c.Grace)
	}
	res, failed := ch.finish(cause)
	if failed == nil {
		return res, nil
	}
	if cause != nil && !errors.Is(cause, ErrOutputTooLarge) {
		failed.TimedOut = errors.Is(ctx.Err(), context.DeadlineExceeded)
		failed.Canceled = !failed.TimedOut
	}
	return res, failed
}
