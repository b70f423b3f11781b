package git

import (
	"context"
	"io"
	"sync"

	"git-sync/pkg/proc"
)

// Process is a git that is talked to over its pipes while it runs. Its methods
// may be called from any goroutine.
type Process struct {
	// Stdin and Stdout are git's streams. Reading and writing block until git
	// does its part or ends, or the Process is closed.
	Stdin  io.Writer
	Stdout io.Reader

	git   *Git
	cmd   *Command
	child *proc.Process
	end   func() error // of the first call of Close
}

// Start starts c, to be talked to. ctx bounds the starting only; git is killed, with
// its helpers, when the Process is closed or we end. The error is an [*Error].
func (g *Git) Start(ctx context.Context, c *Command) (*Process, error) {
	pc, err := g.prepare(c)
	if err != nil {
		return nil, err
	}
	g.log.V(5).Info("starting git", "args", scrubAll(pc.Args), "dir", pc.Dir)
	child, err := proc.Start(ctx, pc)
	if err != nil {
		return nil, failure(c, err)
	}
	p := &Process{Stdin: child.Stdin, Stdout: child.Stdout, git: g, cmd: c, child: child}
	p.end = sync.OnceValue(p.finish)
	return p, nil
}

// Close tells git by the end of its input to go, and kills it if it is still
// there a moment later. It returns within two seconds; the error, an [*Error],
// tells how git ended if it failed.
func (p *Process) Close() error { return p.end() }

func (p *Process) finish() error {
	res, err := p.child.Close(grace)
	p.git.ended(p.cmd, res)
	if err != nil {
		return failure(p.cmd, err)
	}
	return nil
}
