package proc

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// plumbing is the set of pipes between us and one child.
type plumbing struct {
	childEnds []*os.File // become descriptors 0, 1, 2 and so on; closed by spawn
	stdinEnd  *os.File   // nil unless stdin is copied
	outEnds   []*os.File // the ends we read: standard output, standard error
	reading   []*os.File // those of outEnds that are copied to a capture
	stdout    *capture
	stderr    *capture
	drained   chan struct{} // closed when all output has ended

	mu      sync.Mutex
	fromErr error // what the reader of stdin failed with
}

// plumb opens the pipes of c.
func plumb(c Cmd) (*plumbing, error) {
	limit := c.MaxOutput
	if limit <= 0 {
		limit = defaultMaxOutput
	}
	p := &plumbing{
		stdout:  &capture{tee: c.StdoutTo, max: limit},
		stderr:  &capture{tee: c.StderrTo, max: limit},
		drained: make(chan struct{}),
	}
	if c.StdoutTo == nil {
		p.stdout.overflow = make(chan struct{})
	}
	if err := p.open(c.Stdin, c.ExtraFiles); err != nil {
		closeAll(p.childEnds)
		p.abandon()
		return nil, err
	}
	return p, nil
}

// open makes the descriptors of the child and our ends of them.
func (p *plumbing) open(stdin io.Reader, extra []*os.File) error {
	in, inEnd, err := openStdin(stdin)
	if err != nil {
		return err
	}
	p.childEnds, p.stdinEnd = []*os.File{in}, inEnd
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		p.outEnds = append(p.outEnds, r)
		p.childEnds = append(p.childEnds, w)
	}
	for _, f := range extra {
		own, err := dup(f)
		if err != nil {
			return err
		}
		p.childEnds = append(p.childEnds, own)
	}
	return nil
}

// openStdin returns what the child reads from and, if that is a pipe, our end.
func openStdin(stdin io.Reader) (child, ours *os.File, err error) {
	switch in := stdin.(type) {
	case nil:
		child, err = os.Open(os.DevNull)
		return child, nil, err
	case *os.File:
		child, err = dup(in)
		return child, nil, err
	default:
		return os.Pipe()
	}
}

// dup gives the child's descriptor a life of its own: the caller may close his as
// soon as Run has returned, which it does although starting the child still blocks.
func dup(f *os.File) (*os.File, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var dupErr error
	if err := conn.Control(func(old uintptr) {
		fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return nil, err
	}
	if dupErr != nil {
		return nil, os.NewSyscallError("dup", dupErr)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// read copies standard output and error, each if it has a place to go, until
// they end or are closed.
func (p *plumbing) read(captures ...*capture) {
	var streams sync.WaitGroup
	for i, into := range captures {
		if into == nil {
			continue
		}
		from := p.outEnds[i]
		p.reading = append(p.reading, from)
		streams.Go(func() {
			// A pipe rarely holds more, and a child is started for each poll.
			_, _ = io.CopyBuffer(into, onlyReader{from}, make([]byte, 8<<10))
			closeAll([]*os.File{from})
		})
	}
	go func() {
		streams.Wait()
		close(p.drained)
	}()
}

// onlyReader hides File.WriteTo, so that io.Copy uses one modest buffer.
type onlyReader struct{ io.Reader }

// feed copies stdin to the child, in the background.
func (p *plumbing) feed(stdin io.Reader) {
	if p.stdinEnd == nil {
		return
	}
	go func() {
		_, err := io.Copy(p.stdinEnd, onlyReader{stdin})
		closeAll([]*os.File{p.stdinEnd})
		// A child need not read all it is given; and our end is closed when the
		// child has gone.
		if errors.Is(err, unix.EPIPE) || errors.Is(err, fs.ErrClosed) {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fromErr = err
	}()
}

// stdinErr is the error of reading what the child was to be fed, if any.
func (p *plumbing) stdinErr() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fromErr
}

// drain ends reading: at once if the streams have ended, otherwise by cutting
// off whoever still holds them. It does not wait for a tee that blocks.
func (p *plumbing) drain() {
	if p.stdinEnd != nil {
		closeAll([]*os.File{p.stdinEnd})
	}
	for _, end := range p.reading {
		_ = end.SetReadDeadline(time.Now().Add(reapWait / 4))
	}
	timer := time.NewTimer(reapWait / 2)
	defer timer.Stop()
	select {
	case <-p.drained:
	case <-timer.C:
	}
}

// abandon closes everything when there is no child after all. The child's ends
// are closed by spawn.
func (p *plumbing) abandon() {
	if p.stdinEnd != nil {
		closeAll([]*os.File{p.stdinEnd})
	}
	closeAll(p.outEnds)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
