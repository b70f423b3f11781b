package git

import (
	"context"
	"io"
	"sync"

	"git-sync/pkg/proc"
)

// Process is a git that is talked to over its pipes while it runs. It may be used
// from any goroutine.
type Process struct {
	// Stdin and Stdout are git's streams. Reading and writing block until git
	// does its part or ends, or the Process is closed.
	Stdin  io.Writer
	Stdout io.Reader
	// Close tells git by the end of its input to go, and kills it if it is still
	// there a moment later. It returns within two seconds; the error, an [*Error],
	// tells how git ended if it failed.
	Close func() error
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
	end := func() error {
		res, err := child.Close(grace)
		g.ended(c, res)
		if err != nil {
			return failure(c, err)
		}
		return nil
	}
	return &Process{Stdin: child.Stdin, Stdout: child.Stdout, Close: sync.OnceValue(end)}, nil
}
