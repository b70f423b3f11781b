package git

import "time"

// WithTimeouts returns a copy of g that waits no longer for an HTTP connection, and for
// bytes on it.
func (g *Git) WithTimeouts(connect time.Duration, silence string) *Git {
	c := g.With(Overlay{Config: []KV{{"http.lowSpeedTime", silence}}})
	c.connect = connect
	return c
}

// Silence is how long an HTTP connection of a command may be silent.
var Silence = silence
