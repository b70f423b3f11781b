package proc

import (
	"io"
	"sync"
)

// capture keeps a bounded part of a stream and hands all of it on.
//
// It is written by one goroutine and may be read by another at any time, even
// when the writer is stuck in tee.
type capture struct {
	tee      io.Writer     // may be nil
	overflow chan struct{} // closed when more came than may; nil when the tail is kept
	max      int

	mu   sync.Mutex
	buf  []byte
	full bool
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
	if c.overflow != nil {
		if c.full {
			return
		}
		if room := c.max - len(c.buf); len(b) > room {
			b = b[:room]
			c.full = true
			close(c.overflow)
		}
		c.buf = append(c.buf, b...)
		return
	}
	c.buf = append(c.buf, b...)
	// Cut only when twice the size, so that a long stream is not copied for
	// each few bytes.
	if len(c.buf) > 2*c.max {
		c.buf = append(c.buf[:0], c.buf[len(c.buf)-c.max:]...)
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
