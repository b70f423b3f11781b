package disk

import "fmt"

// RefusedError says that a path is in use by something that git-sync did not make. git-sync has changed nothing, and
// a retry does not help.
type RefusedError struct {
	Path   string
	Reason string
	Remedy string
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s %s", e.Path, e.Reason) }

// Hint says how to solve the problem.
func (e *RefusedError) Hint() string { return e.Remedy }
