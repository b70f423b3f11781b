package proc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Error says how a child ended other than well. It never holds the child's
// arguments or environment, which may carry secrets; Stderr is the child's own
// words, to be scrubbed by who knows the secrets.
type Error struct {
	// Path is the program as it was asked for.
	Path string
	// ExitCode is the exit status, -1 when there is none (not started, killed,
	// not reaped yet).
	ExitCode int
	// Signal is the signal that ended the child, 0 if none did.
	Signal syscall.Signal
	// TimedOut and Canceled tell which end of the context stopped the child.
	TimedOut, Canceled bool
	// Stderr is the tail of the child's standard error.
	Stderr string
	// Err is the cause when there is more to say than how the child ended:
	// the context's, ErrOutputTooLarge, or why it could not be started.
	Err error
}

// Error describes the end in one line, with the last line the child wrote.
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
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if last := lastLine(e.Stderr); last != "" {
		b.WriteString(": ")
		b.WriteString(last)
	}
	return b.String()
}

// Unwrap returns the cause, so that errors.Is finds context.DeadlineExceeded,
// fs.ErrNotExist (no such program) and ErrOutputTooLarge.
func (e *Error) Unwrap() error { return e.Err }

// lastLine returns the last line of s that holds anything.
func lastLine(s string) string {
	s = strings.TrimRight(s, "\r\n\t ")
	if i := strings.LastIndexAny(s, "\r\n"); i >= 0 {
		s = s[i+1:]
	}
	return strings.TrimSpace(s)
}

// errUnkillable is part of the message when a child could not be reaped in time.
var errUnkillable = errors.New("it was killed but has not gone yet (a disk that blocks?)")

// interrupted is the error of a context that ended before there was a child.
func interrupted(ctx context.Context, path string) *Error {
	timedOut := errors.Is(ctx.Err(), context.DeadlineExceeded)
	return &Error{Path: path, ExitCode: -1, TimedOut: timedOut, Canceled: !timedOut, Err: context.Cause(ctx)}
}
