package auth

import (
	"errors"
	"time"
)

// Error is what this package returns: what it was doing, why that went wrong, and what its reader
// can do about it. It never holds a secret.
type Error struct {
	// Op says what was being done, naming the file, host or option concerned.
	Op string
	// Advice is the remedy, in the user's terms; may be empty.
	Advice string
	// After is the delay a server asked for before the next attempt; 0 when it asked for none.
	After time.Duration
	// Err is the cause.
	Err error
}

// Error gives what was being done and why it went wrong.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Op
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint gives the remedy.
func (e *Error) Hint() string { return e.Advice }

// RetryAfter gives the delay that a server asked for, 0 if none.
func (e *Error) RetryAfter() time.Duration { return e.After }

// failure is an Error whose cause is a mere text.
func failure(op, cause, advice string) *Error {
	return &Error{Op: op, Advice: advice, Err: errors.New(cause)}
}
