// Package advice finds additional information about an error, anywhere in its chain: what to do about it, and what
// other programs printed about it.
package advice

import "errors"

// Hint returns what to do about the error; "" if it has no hint.
func Hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Output returns what the remote and a helper program (ssh, git-lfs) printed about the error.
func Output(err error) (remote, helper string) {
	var s interface {
		Output() (remote, helper string)
	}
	if errors.As(err, &s) {
		return s.Output()
	}
	return "", ""
}

// With returns err with a hint.
func With(err error, hint string) error { return &hinted{err, hint} }

type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }
func (e *hinted) Hint() string  { return e.hint }
