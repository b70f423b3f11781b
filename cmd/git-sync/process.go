package main

import (
	"fmt"

	"git-sync/pkg/proc"
)

// plain reports whether the user wants no colours (https://no-color.org, terminfo).
func (p process) plain() bool {
	return proc.Getenv(p.environ, "NO_COLOR") != "" || proc.Getenv(p.environ, "TERM") == "dumb"
}

// complain reports an error if there is no log. An error of writing it is ignored.
func (p process) complain(err error) { _, _ = fmt.Fprintf(p.stderr, "error: %v\n", err) }
