// Package advice is what an error carries beside its text, anywhere in its chain: what to do about it, and what others
// said about it.
package advice

import "errors"

// Hint is what to do about the error, "" if it does not say.
func Hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Said is what the remote and a helper program (ssh, git-lfs) said about the error.
func Said(err error) (remote, helper string) {
	var s interface {
		Said() (remote, helper string)
	}
	if errors.As(err, &s) {
		return s.Said()
	}
	return "", ""
}

// With adds a hint to an error.
func With(err error, hint string) error { return &hinted{err, hint} }

type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }
func (e *hinted) Hint() string  { return e.hint }
