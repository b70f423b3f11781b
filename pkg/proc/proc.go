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
//   - It inherits nothing: no environment, no descriptors but those it was given,
//     no timer slack.
//   - Its arguments are in no error and no log; they may name secrets.
//
// The package has no state of its own. Which children are ours is known to the
// kernel: see [Init].
package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
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
	// Stdin is what the child reads; nil: /dev/null. A reader that is not an
	// *os.File is copied in the background and must not block for ever.
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
	// Started, when set, is called once the child runs. It must not block.
	Started func()
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
// an [*Error] unless the child could not even be described.
func Run(ctx context.Context, c Cmd) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, interrupted(ctx, c.Path)
	}
	p, err := plumb(c)
	if err != nil {
		return Result{}, &Error{Path: c.Path, ExitCode: -1, Err: err}
	}
	p.read(p.stdout, p.stderr)
	begun := time.Now()
	ch, err := spawn(ctx, c, p.childEnds)
	if err != nil {
		p.abandon()
		return Result{}, err
	}
	if c.Started != nil {
		c.Started()
	}
	p.feed(c.Stdin)

	cause := ch.await(ctx, p)
	if cause != nil {
		ch.terminate(c.Grace, p.drained)
	}
	end := ch.reap()
	p.drain()

	res := Result{Stdout: p.stdout.bytes(), Stderr: p.stderr.bytes(), Wall: time.Since(begun)}
	if end != nil {
		res.User, res.System = end.user(), end.system()
	}
	if cause == nil {
		cause = p.stdinErr()
	}
	failed := verdict(c.Path, end, res.Stderr, cause)
	if failed == nil {
		return res, nil
	}
	if cause != nil && ctx.Err() != nil && errors.Is(cause, context.Cause(ctx)) {
		failed.TimedOut = errors.Is(ctx.Err(), context.DeadlineExceeded)
		failed.Canceled = !failed.TimedOut
	}
	return res, failed
}

// await blocks until the child is through, and returns nil; or until it must be
// stopped, and returns why.
func (ch *child) await(ctx context.Context, p *plumbing) error {
	for _, stage := range []<-chan struct{}{ch.exited, p.drained} {
		select {
		case <-stage:
		case <-p.stdout.overflow:
			return ErrOutputTooLarge
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	// Both may have been ready: what was cut must not pass for whole.
	select {
	case <-p.stdout.overflow:
		return ErrOutputTooLarge
	default:
		return nil
	}
}

// terminate ends the whole group, politely first if there is a grace.
func (ch *child) terminate(grace time.Duration, drained <-chan struct{}) {
	if grace > 0 {
		ch.signal(unix.SIGTERM)
		timer := time.NewTimer(min(grace, maxGrace))
		defer timer.Stop()
		for _, stage := range []<-chan struct{}{ch.exited, drained} {
			select {
			case <-stage:
			case <-timer.C:
				ch.signal(unix.SIGKILL)
				return
			}
		}
	}
	ch.signal(unix.SIGKILL)
}

// errUnkillable is part of the message when a child could not be reaped in time.
var errUnkillable = errors.New("it was killed but has not gone yet (a disk that blocks?)")

// verdict turns the end of a child into an error, or nil if all went well. end
// is nil when the child could not be reaped.
func verdict(path string, end *ending, stderr []byte, cause error) *Error {
	e := &Error{Path: path, ExitCode: -1, Stderr: string(stderr), Err: cause}
	if end == nil {
		e.Err = errUnkillable
		if cause != nil {
			e.Err = fmt.Errorf("%w; %w", cause, errUnkillable)
		}
	} else {
		e.ExitCode = end.status.ExitStatus() // -1 unless it exited
		if end.status.Signaled() {
			e.Signal = end.status.Signal()
		}
	}
	if e.Err == nil && e.ExitCode == 0 {
		return nil
	}
	return e
}

// interrupted is the error of a context that ended before there was a child.
func interrupted(ctx context.Context, path string) *Error {
	timedOut := errors.Is(ctx.Err(), context.DeadlineExceeded)
	return &Error{Path: path, ExitCode: -1, TimedOut: timedOut, Canceled: !timedOut, Err: context.Cause(ctx)}
}
