package proc

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a child that is talked to while it runs. Its methods may be called
// from any goroutine.
type Process struct {
	// Stdin and Stdout are the child's streams. Reading and writing block until
	// the child does its part, the child ends, or the Process is closed.
	Stdin  io.WriteCloser
	Stdout io.Reader

	pipes  *plumbing
	closed chan struct{} // closed by Close
	once   sync.Once
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
	c.Stdin = ourEnd{}
	pipes, err := plumb(c)
	if err != nil {
		return nil, &Error{Path: c.Path, ExitCode: -1, Err: err}
	}
	pipes.read(nil, pipes.stderr)
	begun := time.Now()
	ch, err := spawn(ctx, c, pipes.childEnds)
	if err != nil {
		pipes.abandon()
		return nil, err
	}
	if c.Started != nil {
		c.Started()
	}
	p := &Process{
		Stdin: pipes.stdinEnd, Stdout: pipes.outEnds[0], pipes: pipes,
		closed: make(chan struct{}), done: make(chan struct{}),
	}
	go func() {
		defer close(p.done)
		p.err = p.watch(ch, c.Path)
		p.result.Wall = time.Since(begun)
	}()
	return p, nil
}

// ourEnd asks plumb for a pipe on standard input.
type ourEnd struct{ io.Reader }

// watch blocks until the child has gone, whoever ended it.
func (p *Process) watch(ch *child, path string) error {
	stopped := false
	select {
	case <-ch.exited:
	case <-p.closed:
		stopped = true
		ch.signal(unix.SIGKILL)
	}
	end := ch.reap()
	if end != nil {
		p.result.User, p.result.System = end.user(), end.system()
	}
	p.pipes.drain()
	if stopped && end != nil {
		return nil
	}
	if failed := verdict(path, end, p.pipes.stderr.bytes(), nil); failed != nil {
		return failed
	}
	return nil
}

// Done is closed when the child has gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stderr returns the tail of what the child has written to its standard error.
func (p *Process) Stderr() string { return string(p.pipes.stderr.bytes()) }

// Finish ends the child's input, which tells a well-behaved child to go, waits
// for that as long as grace, and is [Process.Close] then. The result has no
// output.
func (p *Process) Finish(grace time.Duration) (Result, error) {
	closeAll([]*os.File{p.pipes.stdinEnd})
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	err := p.Close()
	return p.result, err
}

// Close kills the child and its group if they still run, closes the streams, and
// returns within a second. The error tells how the child ended if it had done so
// before, or why it is still there.
func (p *Process) Close() error {
	p.once.Do(func() { close(p.closed) })
	<-p.done
	p.pipes.abandon()
	return p.err
}
