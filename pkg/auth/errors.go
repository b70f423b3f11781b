package auth

import (
	"errors"
	"time"
)

// Error is the error type of this package: what failed, why, and a hint. It never contains a secret.
type Error struct {
	// Op says what failed, with the file, host or option.
	Op string
	// Advice is the hint, in the user's terms; may be empty.
	Advice string
	// After is the delay that a server asked for before the next attempt; 0 if none.
	After time.Duration
	// Err is the cause. Required.
	Err error
}

// Error returns what failed and why.
func (e *Error) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns the hint.
func (e *Error) Hint() string { return e.Advice }

// RetryAfter returns the delay that a server asked for; 0 if none.
func (e *Error) RetryAfter() time.Duration { return e.After }

// failure returns an Error whose cause is a text.
func failure(op, cause, advice string) *Error {
	return &Error{Op: op, Advice: advice, Err: errors.New(cause)}
}
