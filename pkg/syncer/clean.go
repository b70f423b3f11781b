package syncer

import (
	"context"
	"time"

	"github.com/go-logr/logr"
)

// cleaner runs Steps.Clean beside the waiting loop, never beside a sync: a sync that is due ends it first. One that was
// ended early has the right not to be ended by mere polling the next time, so that frequent polls cannot starve it;
// triggers always end it, so it is never between a push and its publication.
//
// It belongs to the loop, and to the sync while one runs.
type cleaner struct {
	clean  func(context.Context) error
	log    logr.Logger
	failed repeats
	cancel context.CancelFunc
	done   chan struct{} // nil when none runs
	cut    bool          // the last one was ended early
}

// start begins a clean-up; none may be running.
func (c *cleaner) start(ctx context.Context) {
	ctx, c.cancel = context.WithCancel(ctx)
	done := make(chan struct{})
	c.done = done
	go func() {
		defer close(done)
		c.run(ctx)
	}()
}

// run makes one clean-up and logs its failure: a clean-up never fails a sync.
func (c *cleaner) run(ctx context.Context) {
	err := c.clean(ctx)
	switch {
	case err == nil:
		c.failed = repeats{}
	case ctx.Err() != nil: // ended early
	default:
		if n := c.failed.add(err); worthALine(n) {
			c.log.Error(err, "cleaning up failed", "times", n, "hint", hintOf(err))
		}
	}
}

// makeWay returns when no clean-up runs any more, or with ctx's error. The source is what the coming sync is caused by.
func (c *cleaner) makeWay(ctx context.Context, source string) error {
	if c.done == nil {
		return nil
	}
	cut := false
	if source != SourcePeriod || !c.cut {
		select {
		case <-c.done:
		default:
			c.cancel()
			cut = true
		}
	}
	select {
	case <-c.done:
		c.cancel()
		c.done, c.cut = nil, cut
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finish returns when the clean-up has come to its own end, or with ctx's error.
func (c *cleaner) finish(ctx context.Context) error {
	select {
	case <-c.done:
		c.cancel()
		c.done = nil
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends the clean-up and waits for it, but not for longer than the given time.
func (c *cleaner) stop(atMost time.Duration) {
	if c.done == nil {
		return
	}
	c.cancel()
	t := time.NewTimer(atMost)
	defer t.Stop()
	select {
	case <-c.done:
		c.done = nil
	case <-t.C:
	}
}
