package proc

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"sync"
)

// capture keeps a limited part of a stream, and passes all of it on.
//
// One goroutine writes to it. Another one may read from it at any time, even if the writer is blocked in tee.
type capture struct {
	tee      io.Writer // may be nil
	overflow func()    // called if there is more than max; nil: only the tail is kept
	max      int

	mu  sync.Mutex
	buf []byte
}

// newCapture returns a capture for a stream of the child.
func newCapture(c Cmd, tee io.Writer) *capture {
	return &capture{tee: tee, max: cmp.Or(c.MaxOutput, defaultMaxOutput)}
}

// readFrom copies from f until f ends or is cut off, and closes f.
func (c *capture) readFrom(f *os.File) {
	defer closeAll([]*os.File{f})
	// A pipe rarely holds more, and each poll starts a child, so the buffer is small.
	_, _ = io.CopyBuffer(c, struct{ io.Reader }{f}, make([]byte, 8<<10))
}

// Write never fails: a slow log must not end a child with SIGPIPE.
func (c *capture) Write(b []byte) (int, error) {
	c.keep(b)
	if c.tee != nil {
		_, _ = c.tee.Write(b)
	}
	return len(b), nil
}

func (c *capture) keep(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if room := c.max - len(c.buf); c.overflow != nil && len(b) > room {
		c.buf = append(c.buf, b[:room]...)
		c.overflow()
		return
	}
	c.buf = append(c.buf, b...)
	// Cut only at twice the size, so that a long stream is not copied for every few bytes.
	if c.overflow == nil && len(c.buf) > 2*c.max {
		c.buf = append(c.buf[:0], c.buf[len(c.buf)-c.max:]...)
	}
}

// bytes returns a copy of what has been kept so far.
func (c *capture) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.buf[max(0, len(c.buf)-c.max):])
}
