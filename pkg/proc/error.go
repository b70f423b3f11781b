package proc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Error describes how a child failed. It never contains the child's arguments or environment, which may contain
// secrets. Stderr is the child's own output, from which the caller must remove secrets.
type Error struct {
	// Path is the program as it was given.
	Path string
	// ExitCode is the exit status; -1 if there is none (not started, killed, not reaped yet).
	ExitCode int
	// Signal is the signal that ended the child; 0 if none did.
	Signal syscall.Signal
	// TimedOut and Canceled say why the context stopped the child.
	TimedOut, Canceled bool
	// Stderr is the tail of the child's standard error.
	Stderr string
	// Err is the cause, if how the child ended does not say everything: the context's error, ErrOutputTooLarge, or
	// why it could not be started.
	Err error
}

// Error describes the end of the child in one line, with the last line of its standard error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Path)
	switch {
	case e.TimedOut:
		b.WriteString(": took too long")
	case e.Canceled:
		b.WriteString(": interrupted")
	case e.Err != nil && e.ExitCode <= 0:
	case e.Signal != 0:
		fmt.Fprintf(&b, ": killed by signal %d (%v)", int(e.Signal), e.Signal)
	default:
		fmt.Fprintf(&b, ": exit status %d", e.ExitCode)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if last := lastLine(e.Stderr); last != "" {
		b.WriteString(": " + last)
	}
	return b.String()
}

// Unwrap returns the cause, so that errors.Is finds context.DeadlineExceeded, fs.ErrNotExist (no such program) and
// ErrOutputTooLarge.
func (e *Error) Unwrap() error { return e.Err }

// lastLine returns the last line of s that is not blank.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[strings.LastIndexAny(s, "\r\n")+1:])
}

// errUnkillable is part of the message if a child could not be reaped in time.
var errUnkillable = errors.New("it was killed but has not exited yet (a blocked disk?)")

// interrupted returns the error of a context that ended before the child was started.
func interrupted(ctx context.Context, path string) *Error {
	timedOut := errors.Is(ctx.Err(), context.DeadlineExceeded)
	return &Error{Path: path, ExitCode: -1, TimedOut: timedOut, Canceled: !timedOut, Err: context.Cause(ctx)}
}
