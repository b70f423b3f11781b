package git

import (
	"context"
	"errors"
	"slices"
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
	// Stderr is the tail of what git said, without progress and passwords.
	Stderr string
	// Hinted is what the user can do about it; empty: what is usual for the Kind.
	Hinted string
	// After is the delay the server asked for, 0 if it did not.
	After time.Duration
	// Err is the cause, an *proc.Error when git ran.
	Err error
}

// Error names the cause in one line.
func (e *Error) Error() string {
	what := "git " + e.Op + ": "
	if said := headline(e.Stderr); said != "" {
		what += said
		if e.Kind == KindTimeout || e.Kind == KindCanceled || e.Kind == KindKilled {
			what += " (" + e.Kind.String() + ")"
		}
		return what
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
	if e.Hinted != "" {
		return e.Hinted
	}
	return e.Kind.hint()
}

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
	e := &Error{Op: c.op(), Err: err}
	pe, ok := errors.AsType[*proc.Error](err)
	if !ok {
		return e
	}
	e.Stderr = scrub(withoutProgress(pe.Stderr))
	clean := *pe
	clean.Stderr = e.Stderr
	e.Err = &clean
	kind, hint, told := classifyEnd(pe)
	if !told {
		kind, hint = classify(evidence{op: e.Op, gitDir: c.gitDir, exit: pe.ExitCode, stderr: e.Stderr})
	}
	e.Kind, e.Hinted = kind, hint
	return e
}

// withoutProgress drops the lines of progress, and all but the last 8 KiB.
func withoutProgress(stderr string) string {
	const most = 8 << 10
	var kept []string
	size := 0
	lines := strings.FieldsFunc(stderr, func(r rune) bool { return r == '\r' || r == '\n' })
	for _, line := range slices.Backward(lines) {
		if size >= most {
			break
		}
		line = strings.TrimRight(line, " \t")
		if _, ok := parseProgress(line); ok || line == "" {
			continue
		}
		if len(line) > most-size {
			line = line[len(line)-(most-size):]
		}
		kept = append(kept, line)
		size += len(line) + 1
	}
	slices.Reverse(kept)
	return strings.Join(kept, "\n")
}

// headline picks the line that says most, and adds what the server has to say:
// the line that tells how a connection or a helper ended, else the first one that
// git calls fatal, else the first error, else the last one.
func headline(stderr string) string {
	local, remote := split(stderr)
	said := telling(strings.Split(local, "\n"))
	for line := range strings.SplitSeq(remote, "\n") {
		if words := strings.TrimSpace(strings.TrimPrefix(line, "remote:")); words != "" {
			return said + "; the remote says: " + words
		}
	}
	return said
}

// telling is headline for our side's lines.
func telling(lines []string) string {
	for _, line := range lines {
		if strings.HasPrefix(line, "error: RPC failed") || strings.Contains(line, " died of signal ") {
			return strings.TrimPrefix(line, "error: ")
		}
	}
	for _, mark := range []string{"fatal: ", "error: ", "ERROR: "} {
		for i, line := range lines {
			text, ok := strings.CutPrefix(line, mark)
			if !ok || isEcho(text) {
				continue
			}
			if strings.HasSuffix(text, ":") && i+1 < len(lines) {
				text += " " + lines[i+1] // "unable to connect to host:", and then why
			}
			return text
		}
	}
	for _, line := range slices.Backward(lines) {
		if !isEcho(line) {
			return line
		}
	}
	if i := slices.IndexFunc(lines, func(line string) bool { return line != "" }); i >= 0 {
		return strings.TrimPrefix(lines[i], "fatal: ")
	}
	return ""
}

// isEcho reports whether a line only says that something else went wrong.
func isEcho(line string) bool {
	for _, echo := range []string{
		"Could not read from remote repository",
		"Please make sure you have the correct access rights",
		"and the repository exists.",
		"the remote end hung up",
	} {
		if strings.Contains(line, echo) {
			return true
		}
	}
	return line == ""
}
