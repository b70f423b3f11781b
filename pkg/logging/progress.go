package logging

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// redraw is how often the progress line of a terminal changes at most.
	redraw = 100 * time.Millisecond
	// progressEvery is how often progress is logged where there is no terminal.
	progressEvery = 10 * time.Second
	// clearLine returns to the line's start and empties it.
	clearLine = "\r\x1b[K"
)

// screen is the stream: log lines, and on a terminal one progress line below them that each log line wipes away.
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
	s.write(b)
}

// draw shows text as the progress line, cut to the terminal's width; "" takes the line away.
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
	s.write([]byte(clearLine + text))
}

// write drops errors: there is nowhere to report them.
func (s *screen) write(b []byte) {
	if _, err := s.w.Write(b); err != nil {
		return
	}
}

func (s *screen) width() int {
	if ws, err := unix.IoctlGetWinsize(s.fd, unix.TIOCGWINSZ); err == nil && ws.Col > 0 {
		return int(ws.Col)
	}
	return 80
}

// Progress shows how far something long has come: on a terminal in a line that is overwritten in place, elsewhere in a
// log line every ten seconds, so that what is over sooner says nothing. It may be used from any goroutine.
type Progress struct {
	l *Logging

	mu      sync.Mutex
	last    time.Time // when something was shown, or when the first update came
	started bool
}

// Progress returns a new teller. Any number may exist; on a terminal they share the one line.
func (l *Logging) Progress() *Progress { return &Progress{l: l} }

// Update says that phase ("Receiving objects") has come to percent (below zero: unknown). Text is whatever else there is to say
// ("12.3 MiB | 4.1 MiB/s"). It never blocks for longer than a write on the stream, and may be called as often as is convenient.
func (p *Progress) Update(phase string, percent int, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	every := progressEvery
	if p.l.out.live {
		every = redraw
	}
	if !p.started {
		p.started, p.last = true, now
		if !p.l.out.live {
			return
		}
	} else if now.Sub(p.last) < every {
		return
	}
	p.last = now
	if p.l.out.live {
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

// Done takes the line off the terminal and makes the Progress ready for the next thing. It may be called more than once.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = false
	if p.l.out.live {
		p.l.out.draw("")
	}
}

func progressLine(phase string, percent int, text string) string {
	s := indent + printable(phase)
	if percent >= 0 {
		s += fmt.Sprintf(" %3s%%", strconv.Itoa(percent))
	}
	if text != "" {
		s += "  " + printable(text)
	}
	return s
}
