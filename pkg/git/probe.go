package git

import (
	"context"
	"fmt"
	"sync"
)

// Ready waits until git has told its version, and returns an error when git cannot be
// run or is older than 2.34. If it only could not be asked ([IsUnfit]), the next call
// asks again.
func (g *Git) Ready() error {
	a := g.probe.begin()
	<-a.known
	return a.err
}

// Version is git's version, once [Git.Ready] has said that it is known.
func (g *Git) Version() Version {
	a := g.probe.begin()
	<-a.known
	return a.version
}

// askVersion asks git for its version, and judges it.
func (g *Git) askVersion(ctx context.Context) (Version, error) {
	res, err := g.Run(ctx, Cmd("version"))
	var v Version
	if err == nil {
		v, err = parseVersion(res.Stdout)
	}
	if err != nil {
		return v, fmt.Errorf("asking %q for its version: %w", g.path, err)
	}
	if !v.AtLeast(needMajor, needMinor) {
		return v, &Error{
			Op: "version", Kind: KindUnsupported,
			Err: fmt.Errorf("found git %s at %q, need %d.%d or newer", v, g.path, needMajor, needMinor),
		}
	}
	return v, nil
}

// probe asks git for its version, until it has been told.
type probe struct {
	ask func() (Version, error)

	mu   sync.Mutex
	last *asking // nil: not asked yet
}

// asking is what came of asking once.
type asking struct {
	known   chan struct{} // closed when what follows is valid
	version Version
	err     error
}

// begin asks, unless that is under way or was answered for good. It does not block.
func (p *probe) begin() *asking {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil || p.last.over() && p.last.err != nil && !IsUnfit(p.last.err) {
		a := &asking{known: make(chan struct{})}
		p.last = a
		go func() {
			defer close(a.known)
			a.version, a.err = p.ask()
		}()
	}
	return p.last
}

func (a *asking) over() bool {
	select {
	case <-a.known:
		return true
	default:
		return false
	}
}

// IsUnfit reports whether an error of [Git.Ready] says that this git will never do, and not
// that it could not be asked for the moment.
func IsUnfit(err error) bool {
	switch KindOf(err) {
	case KindIO, KindKilled, KindTimeout, KindCanceled:
		return false
	default:
		return err != nil
	}
}
