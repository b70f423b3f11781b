package proc

import (
	"context"
	"errors"
	"io"
	"time"
)

// Process is a running child that is used through its pipes. It is safe for concurrent use.
type Process struct {
	// Stdin and Stdout are the child's streams. Reads and writes block until the child reads or writes, until the
	// child ends, or until the Process is closed.
	Stdin  io.WriteCloser
	Stdout io.Reader

	child  *child
	stop   context.CancelFunc
	done   chan struct{} // closed when the child has ended
	err    error         // how it failed; valid after done
	result Result        // without output; valid after done
}

// Start starts a long-lived child. ctx limits only the start. The child and its group are killed when [Process.Close]
// is called or this process ends. If the child exits by itself, the rest of its group is killed. Stdin, StdoutTo and
// Grace of c are ignored.
func Start(ctx context.Context, c Cmd) (*Process, error) {
	c.Stdin = nil
	ch, err := newChild(ctx, c)
	if err != nil {
		return nil, err
	}
	stdin, err := ch.cmd.StdinPipe()
	if err != nil {
		return nil, ch.unstarted(err)
	}
	if err := ch.start(ctx); err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &Process{Stdin: stdin, Stdout: ch.outputs[0], child: ch, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		stopped := false
		select {
		case <-ch.exited:
		case <-life.Done():
			stopped = true
		}
		res, failed := ch.finish(nil)
		if p.result = res; failed != nil && (!stopped || errors.Is(failed, errUnkillable)) {
			p.err = failed
		}
	}()
	return p, nil
}

// Close closes the child's input, so that a well-behaved child ends. If it is still running after grace, Close kills
// it and its group. It closes the streams, and returns at most a second after grace. The result has no standard
// output. The error says how the child failed by itself, or why it still exists.
func (p *Process) Close(grace time.Duration) (Result, error) {
	_ = p.Stdin.Close()
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	p.stop()
	<-p.done
	closeAll(p.child.outputs[:1])
	return p.result, p.err
}
