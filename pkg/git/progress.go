package git

import (
	"regexp"
	"strconv"
	"strings"
)

// Progress is one progress message of git.
type Progress struct {
	// Phase is the present phase: "Receiving objects".
	Phase string
	// Percent is the progress within this phase; -1 if unknown.
	Percent int
	// Detail is the rest of the message: "1.5 MiB | 1 MiB/s".
	Detail string
}

// parseProgress parses one line, and reports whether it is a progress message. They look like this; the last two come
// from the remote:
//
//	Receiving objects:  42% (42/100), 1.50 MiB | 1.00 MiB/s
//	Resolving deltas: 100% (20/20), done.
//	Updating files:   7% (70/1000)
//	remote: Counting objects: 100% (5/5), done.
//	remote: Enumerating objects: 5, done.
func parseProgress(line string) (Progress, bool) {
	m := step.FindStringSubmatch(strings.TrimSpace(line))
	if m == nil {
		return Progress{}, false
	}
	n, err := strconv.Atoi(m[2])
	p := Progress{Phase: m[1], Percent: -1, Detail: m[4]}
	if m[3] != "" {
		p.Percent = n
	}
	return p, err == nil && p.Percent <= 100
}

// step matches phase, number, percent sign and detail.
var step = regexp.MustCompile(`^(?:remote: )?([A-Z][A-Za-z ]*): +(\d+)(?:$|, .*|(%) \([^)]*(?:\)(?:, (.*))?.*)?)$`)

// progressWriter finds the progress messages in git's standard error. A message ends with a carriage return, and the
// last one of a phase with a line feed.
type progressWriter struct {
	report func(Progress)
	line   []byte
}

// maxProgressLine is longer than any progress message.
const maxProgressLine = 512

// Write never fails.
func (w *progressWriter) Write(b []byte) (int, error) {
	for _, c := range b {
		switch {
		case c == '\r' || c == '\n':
			if p, ok := parseProgress(string(w.line)); ok && len(w.line) <= maxProgressLine {
				w.report(p)
			}
			w.line = w.line[:0]
		case len(w.line) <= maxProgressLine: // one byte more marks the line as too long
			w.line = append(w.line, c)
		}
	}
	return len(b), nil
}
