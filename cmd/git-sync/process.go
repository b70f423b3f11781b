package main

import (
	"io"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// env is a variable of the environment, "" if it is not set; the last setting counts.
func (p process) env(name string) string {
	for i := len(p.environ) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(p.environ[i], name+"="); ok {
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

const (
	// gcPercent and memoryLimit keep the collector busy while there is little to collect, and ours is a program that has
	// little: what git holds is not in our memory.
	gcPercent   = 25
	memoryLimit = 64 << 20
)

// tuneMemory bounds our own memory, unless the user has set Go's variables for it.
func tuneMemory(env func(string) string) {
	if env("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
