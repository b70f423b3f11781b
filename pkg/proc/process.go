package proc

import (
	"context"
	"errors"
	"io"
	"time"
)

// Process is a child that is talked to while it runs. Its methods may be called
// from any goroutine.
type Process struct {
	// Stdin and Stdout are the child's streams. Reading and writing block until
	// the child does its part, the child ends, or the Process is closed.
	Stdin  io.WriteCloser
	Stdout io.Reader

	child  *child
	stop   context.CancelFunc
	done   chan struct{} // closed when the child has gone
	err    error         // how it ended; valid after done
	result Result        // without output; valid after done
}

// Start begins a long-lived child. ctx bounds the starting only: the child is killed,
// with its group, when [Process.Close] is called or we end; also what it left behind,
// when it exits by itself. Of c, Stdin, StdoutTo and Grace are not used.
func Start(ctx context.Context, c Cmd) (*Process, error) {
	if ctx.Err() != nil {
		return nil, interrupted(ctx, c.Path)
	}
	c.Stdin = nil
	ch, err := newChild(c)
	if err != nil {
		return nil, err
	}
	stdin, err := ch.cmd.StdinPipe()
	if err != nil {
		closeAll(ch.theirs)
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

// Close ends the child's input, which tells a well-behaved child to go, and kills it and
// its group if they still run after grace. It closes the streams and returns within a
// second more. The result has no standard output; the error tells how the child ended if
// it did so by itself, or why it is still there.
func (p *Process) Close(grace time.Duration) (Result, error) {
	_ = p.Stdin.Close()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	p.stop()
	<-p.done
	closeAll(p.child.outputs[:1])
	return p.result, p.err
}
