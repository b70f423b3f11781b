package git

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"git-sync/pkg/proc"
)

// Error describes a failed run of git.
type Error struct {
	// Op is the subcommand: "fetch".
	Op string
	// Kind is the kind of the failure.
	Kind Kind
	// Stderr is the end of the standard error, without progress and passwords.
	Stderr string
	// Remote and Helper are the lines of it from the server, and from a program that git ran (ssh, git-lfs, gpg, a
	// filter); at most 2 KiB each.
	Remote, Helper string
	// URL is the URL of the remote, if it is known. It may contain a password, and is not part of the message.
	URL string
	// Hinted is the hint; empty: the default hint of the Kind.
	Hinted string
	// After is the delay that the server asked for; 0 if none.
	After time.Duration
	// Err is the cause, an *proc.Error if git ran.
	Err error

	headline string // the most important line of Stderr
}

// Error returns the cause in one line.
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

// Hint returns what the user can do; empty if there is no advice.
func (e *Error) Hint() string {
	return cmp.Or(e.Hinted, e.Kind.Hint())
}

// Output returns the lines from the server, and from a program that git ran; empty if there are none.
func (e *Error) Output() (remote, helper string) { return e.Remote, e.Helper }

// RetryAfter returns the delay that the server asked for; 0 if none.
func (e *Error) RetryAfter() time.Duration { return e.After }

// KindOf returns the Kind of the first *Error in err's chain. Without one, it returns KindTimeout or KindCanceled for
// a context error, otherwise KindUnknown.
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

// failure returns the Error of a run that ended with err.
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
	w := bySource(c, e.Stderr)
	e.Remote, e.Helper, e.headline = strings.Join(w.remote, "\n"), strings.Join(w.helper, "\n"), w.headline()
	kind, hint, decided := classifyEnd(pe)
	if !decided {
		kind, hint = classify(evidence{op: e.Op, gitDir: c.gitDir, exit: pe.ExitCode, words: w})
	}
	e.Kind, e.Hinted = kind, hint
	return e
}
