package logging

import (
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// redraw is the least time between two changes of the progress line on a terminal.
	redraw = 100 * time.Millisecond
	// progressEvery is how often progress is logged if there is no terminal.
	progressEvery = 10 * time.Second
	// clearLine moves to the start of the line and clears it.
	clearLine = "\r\x1b[K"
)

// screen is the stream: log lines, and on a terminal a progress line below them, which each log line clears.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	fd    int
	live  bool // a terminal in text format: it can show a progress line
	drawn bool
}

// line writes a log entry.
func (s *screen) line(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drawn {
		b = append([]byte(clearLine), b...)
		s.drawn = false
	}
	_, _ = s.w.Write(b) // the error cannot be reported anywhere
}

// draw shows text as the progress line, truncated to the terminal's width; "" removes the line.
func (s *screen) draw(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text == "" && !s.drawn {
		return
	}
	if width := s.width(); len([]rune(text)) >= width {
		text = string([]rune(text)[:max(width-1, 0)])
	}
	s.drawn = text != ""
	_, _ = io.WriteString(s.w, clearLine+text)
}

func (s *screen) width() int {
	if ws, err := unix.IoctlGetWinsize(s.fd, unix.TIOCGWINSZ); err == nil && ws.Col > 0 {
		return int(ws.Col)
	}
	return 80
}

// Progress shows the progress of a long operation. On a terminal, it overwrites one line. Otherwise it logs a line
// every ten seconds, so that short operations log nothing. It is safe for concurrent use.
type Progress struct {
	l *Logging

	mu   sync.Mutex
	last time.Time // when something was shown, or when the first update arrived
}

// Progress returns a new Progress. Several may exist; on a terminal they share one line.
func (l *Logging) Progress() *Progress { return &Progress{l: l} }

// Update shows that phase ("Receiving objects") is at percent (less than 0: unknown). text has more detail ("12.3 MiB
// | 4.1 MiB/s"). It blocks only for a write on the stream, and may be called as often as is convenient.
func (p *Progress) Update(phase string, percent int, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, live := time.Now(), p.l.out.live
	every := progressEvery
	if live {
		every = redraw
	} else if p.last.IsZero() {
		p.last = now // short operations are not logged
	}
	if now.Sub(p.last) < every {
		return
	}
	p.last = now
	if live {
		p.l.out.draw(progressLine(p.l.Scrub(phase), percent, p.l.Scrub(text)))
		return
	}
	kv := []any{"phase", phase}
	if percent >= 0 {
		kv = append(kv, "percent", percent)
	}
	if text != "" {
		kv = append(kv, "detail", text)
	}
	p.l.logger.Info("still working", kv...)
}

// Done removes the line from the terminal, and prepares the Progress for the next operation. It may be called more
// than once.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Time{}
	if p.l.out.live {
		p.l.out.draw("")
	}
}

func progressLine(phase string, percent int, text string) string {
	s := indent + printable(phase)
	if percent >= 0 {
		s += fmt.Sprintf(" %3d%%", percent)
	}
	if text != "" {
		s += "  " + printable(text)
	}
	return s
}
