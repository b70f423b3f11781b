package git

import (
	"context"
	"io"
	"sync"

	"git-sync/pkg/proc"
)

// Process is a running git that is used through its pipes. It is safe for concurrent use.
type Process struct {
	// Stdin and Stdout are git's streams. Reads and writes block until git reads or writes, until git ends, or until
	// the Process is closed.
	Stdin  io.Writer
	Stdout io.Reader
	// Close closes git's input, so that git ends, and kills it after a short grace. It blocks for two seconds at
	// most. If git failed, the error is an [*Error].
	Close func() error
}

// Start starts c. ctx limits only the start. git and its helpers are killed when the Process is closed, or when this
// process ends. The error is an [*Error].
func (g *Git) Start(ctx context.Context, c *Command) (*Process, error) {
	pc, err := g.prepare(c, MinSilence)
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
