package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// env is a variable of the environment, "" if it is not set; the last setting counts.
func (p process) env(name string) string {
	for _, kv := range slices.Backward(p.environ) {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// plain says that the user wants no colours (https://no-color.org, terminfo).
func (p process) plain() bool { return p.env("NO_COLOR") != "" || p.env("TERM") == "dumb" }

// terminalWidth is how wide the terminal behind w is, 80 where there is none.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && ws.Col > 0 {
			return int(ws.Col)
		}
	}
	return 80
}

// complain reports an error where there is no log. An error of writing it is dropped.
func (p process) complain(err error) { _, _ = fmt.Fprintf(p.stderr, "error: %v\n", err) }
