// Package proc runs child processes that cannot outlive the time they were
// given.
//
// It hides process groups, signals, pipes, deadlines and reaping. It is the only
// package that starts programs.
//
// What holds for every child:
//
//   - It leads a session and process group of its own, so that it has no
//     terminal to ask questions on, and so that it and its helpers are killed
//     together.
//   - When the context of [Run] ends, the whole group is killed, and Run returns within
//     a second even when the kernel will not let go of the child (a disk that
//     blocks). Such a child is reaped in the background once it does die.
//   - A group is signalled only while its leader is not yet reaped, so that the
//     number of a process that has gone, and that another may have by now, is
//     never used.
//   - It dies with us: the kernel kills it when the thread that started it ends.
//     That thread is therefore kept for as long as the child lives.
//   - It inherits nothing: no environment, and no descriptors but those it was given.
//   - Its arguments are in no error and no log; they may name secrets.
//
// os/exec starts and reaps the children. What it does not promise is made here: the
// whole group is killed before the call returns, and before its leader is reaped; pipes
// that outlive the leader are waited for until the context ends; an unkillable child is
// left behind; output is bounded; orphans are reaped by process 1.
//
// The package has no state of its own. Which children are ours is known to the
// kernel: see [Init].
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
	// defaultMaxOutput is what is kept of a stream when [Cmd.MaxOutput] is 0.
	defaultMaxOutput = 1 << 20

	// maxGrace bounds [Cmd.Grace], and reapWait what follows a SIGKILL, such
	// that together they stay below the second promised by [Run].
	maxGrace = 600 * time.Millisecond
	reapWait = 200 * time.Millisecond
)

// ErrOutputTooLarge is the cause of an [Error] when a child was killed for
// writing more than [Cmd.MaxOutput] bytes to its standard output.
var ErrOutputTooLarge = errors.New("more output than expected")

// Cmd describes a child. The zero value of each field but Path is usable.
type Cmd struct {
	// Path is the program: a path when it holds a slash, otherwise a name that
	// is looked up in the PATH of Env.
	Path string
	// Args are the arguments, without the program's name.
	Args []string
	// Dir is the working directory; empty: ours.
	Dir string
	// Env is the complete environment.
	Env []string
	// Stdin is what the child reads; nil: /dev/null. An *os.File becomes the child's
	// own; another reader is copied in the background and must not block for ever.
	Stdin io.Reader
	// StdoutTo and StderrTo receive output as it arrives, each from a goroutine
	// of its own. They must not block. With StdoutTo any amount of output is
	// fine, and Result.Stdout keeps its tail.
	StdoutTo, StderrTo io.Writer
	// MaxOutput is how many bytes are kept of each stream (0: 1 MiB). Without
	// StdoutTo, more than that on standard output gets the child killed; of
	// standard error the tail is kept.
	MaxOutput int
	// Umask is the child's file mode creation mask; 0: ours. The process's own mask is
	// never changed.
	Umask fs.FileMode
	// ExtraFiles become descriptors 3 and up. They stay the caller's, to be closed at
	// any time after Run or Start has returned.
	ExtraFiles []*os.File
	// Grace is the time from SIGTERM to SIGKILL when the context ends. 0 means
	// SIGKILL at once; more than 600 ms counts as 600 ms.
	Grace time.Duration
}

// Result is what a child left. It is filled as far as possible beside an error.
type Result struct {
	// Stdout and Stderr are the output that was kept, see [Cmd.MaxOutput].
	Stdout, Stderr []byte
	// Wall is the time from start to end; User and System are the CPU time of
	// the child and of all its descendants that were waited for.
	Wall, User, System time.Duration
}

// Run starts a child and waits until it has exited and its output has ended,
// then kills whatever is left of its group.
//
// Pipes that are held open by processes which the child left behind are waited
// for too, until ctx ends. Run returns within a second of ctx's end. The error is
// an [*Error].
func Run(ctx context.Context, c Cmd) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, interrupted(ctx, c.Path)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ch, err := newChild(c)
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
