package proc

import (
	"io"
	"os"
	"sync"
)

// capture keeps a bounded part of a stream and hands all of it on.
//
// It is written by one goroutine and may be read by another at any time, even
// when the writer is stuck in tee.
type capture struct {
	tee      io.Writer // may be nil
	overflow func()    // called when more came than may; nil: the tail is kept
	max      int

	mu  sync.Mutex
	buf []byte
}

// newCapture returns the capture of one of c's streams.
func newCapture(c Cmd, tee io.Writer) *capture {
	limit := c.MaxOutput
	if limit <= 0 {
		limit = defaultMaxOutput
	}
	return &capture{tee: tee, max: limit}
}

// readFrom copies what f has until it ends or is cut off, and closes it.
func (c *capture) readFrom(f *os.File) {
	defer closeAll([]*os.File{f})
	// A pipe rarely holds more, and a child is started for each poll.
	_, _ = io.CopyBuffer(c, struct{ io.Reader }{f}, make([]byte, 8<<10))
}

// Write never fails: a child must not die of SIGPIPE because a log is slow.
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
	switch room := c.max - len(c.buf); {
	case c.overflow == nil:
		c.buf = append(c.buf, b...)
		// Cut only when twice the size, so that a long stream is not copied for
		// each few bytes.
		if len(c.buf) > 2*c.max {
			c.buf = append(c.buf[:0], c.buf[len(c.buf)-c.max:]...)
		}
	case len(b) > room:
		c.buf = append(c.buf, b[:room]...)
		c.overflow()
	default:
		c.buf = append(c.buf, b...)
	}
}

// bytes returns a copy of what was kept so far.
func (c *capture) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.buf
	if len(kept) > c.max {
		kept = kept[len(kept)-c.max:]
	}
	return append([]byte(nil), kept...)
}
