package auth

import (
	"fmt"
	"time"

	"git-sync/pkg/advice"
)

// failure returns an error that says what failed (with the file, host or option) and why. The hint is in the user's
// terms, and may be empty. None of them may contain a secret.
func failure(op string, cause error, hint string) error {
	return advice.With(fmt.Errorf("%s: %w", op, cause), hint)
}

// delayed is an error with the delay that a server asked for before the next attempt; 0 if none.
type delayed struct {
	error
	after time.Duration
}

// Unwrap returns the error.
func (d *delayed) Unwrap() error { return d.error }

// RetryAfter returns the delay.
func (d *delayed) RetryAfter() time.Duration { return d.after }
