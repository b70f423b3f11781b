package git

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"git-sync/pkg/proc"
)

// Error says what went wrong with a run of git.
type Error struct {
	// Op is the subcommand: "fetch".
	Op string
	// Kind is what to make of it.
	Kind Kind
	// Stderr is the tail of all that was printed, without progress and passwords.
	Stderr string
	// Remote and Helper are those lines of it that the server, and a program run by git
	// (ssh, git-lfs, gpg, a filter), have said; at most 2 KiB each.
	Remote, Helper string
	// URL is that of the remote that the command asks, where it is known. It may hold a password,
	// and is no part of the message.
	URL string
	// Hinted is what the user can do about it; empty: what is usual for the Kind.
	Hinted string
	// After is the delay the server asked for, 0 if it did not.
	After time.Duration
	// Err is the cause, an *proc.Error when git ran.
	Err error

	headline string // of Stderr
}

// Error names the cause in one line.
func (e *Error) Error() string {
	what := "git " + e.Op + ": "
	if said := e.headline; said != "" {
		what += said
		if e.Kind == KindTimeout || e.Kind == KindCanceled || e.Kind == KindKilled {
			what += " (" + e.Kind.String() + ")"
		}
		return what
	}
	if late, ok := errors.AsType[*connectError](e.Err); ok {
		return what + late.Error()
	}
	if pe, ok := errors.AsType[*proc.Error](e.Err); ok {
		return what + pe.Error()
	}
	if e.Err != nil {
		return what + e.Err.Error()
	}
	return what + e.Kind.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint tells the user what to do about it; empty when there is nothing to advise.
func (e *Error) Hint() string {
	return cmp.Or(e.Hinted, e.Kind.Hint())
}

// Said is what the server and a program run by git have said, line by line; empty when
// that is nothing.
func (e *Error) Said() (remote, helper string) { return e.Remote, e.Helper }

// RetryAfter is the delay the server asked for, 0 if it did not.
func (e *Error) RetryAfter() time.Duration { return e.After }

// KindOf returns the Kind of the first *Error in err's chain; of the end of a
// context, without one, KindTimeout and KindCanceled; else KindUnknown.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.DeadlineExceeded):
		return KindTimeout
	case errors.Is(err, context.Canceled):
		return KindCanceled
	}
	return KindUnknown
}

// failure makes the Error of a run that ended with err.
func failure(c *Command, err error) *Error {
	e := &Error{Op: c.op(), URL: c.url, Err: err}
	pe, ok := errors.AsType[*proc.Error](err)
	if !ok {
		return e
	}
	e.Stderr = plain(pe.Stderr)
	clean := *pe
	clean.Stderr = e.Stderr
	e.Err = &clean
	w := listen(c, e.Stderr)
	e.Remote, e.Helper, e.headline = strings.Join(w.remote, "\n"), strings.Join(w.helper, "\n"), w.headline()
	kind, hint, told := classifyEnd(pe)
	if !told {
		kind, hint = classify(evidence{op: e.Op, gitDir: c.gitDir, exit: pe.ExitCode, words: w})
	}
	e.Kind, e.Hinted = kind, hint
	return e
}
