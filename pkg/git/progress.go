package git

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// Progress is one step that git reported with --progress.
type Progress struct {
	// Phase is what is being done: "Receiving objects".
	Phase string
	// Percent is how far it is in this phase, -1 when git does not know.
	Percent int
	// Detail is what else git says: "1.5 MiB | 1 MiB/s".
	Detail string
}

// parseProgress reads one line, and reports whether it is one of progress. They
// look like these; the last two are the remote's own, sent along by it:
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

// step finds phase, number, percent sign and detail.
var step = regexp.MustCompile(`^(?:remote: )?([A-Z][A-Za-z ]*): +(\d+)(?:$|, .*|(%) \([^)]*(?:\)(?:, (.*))?.*)?)$`)

// progressWriter finds the steps in git's standard error. A step ends with a
// carriage return while its phase goes on, and with a line feed at its end.
type progressWriter struct {
	report func(Progress)
	line   []byte
}

// maxProgressLine is more than a line of progress ever has; what is longer is
// something else.
const maxProgressLine = 512

// Write never fails.
func (w *progressWriter) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		end := bytes.IndexAny(rest, "\r\n")
		if end < 0 {
			w.hold(rest)
			break
		}
		w.hold(rest[:end])
		if p, ok := parseProgress(string(w.line)); ok && len(w.line) <= maxProgressLine {
			w.report(p)
		}
		w.line = w.line[:0]
		rest = rest[end+1:]
	}
	return len(b), nil
}

// hold appends to the unfinished line, up to where it shows to be too long.
func (w *progressWriter) hold(part []byte) {
	room := maxProgressLine + 1 - len(w.line)
	w.line = append(w.line, part[:min(len(part), room)]...)
}
