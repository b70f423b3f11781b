package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"git-sync/pkg/config"
	"git-sync/pkg/logging"
	"git-sync/pkg/syncer"
)

const (
	// reopenAfter is the wait before an instance that cannot start is made again.
	reopenAfter = 30 * time.Second
	// replaceLimit is how long a change of the configuration waits for an instance to end.
	replaceLimit = 10 * time.Second
)

// Group is the instances of one process. Add and Run are called once, by one goroutine; the other methods may be called from
// anywhere.
type Group struct {
	// Open makes an instance of a sync.
	Open func(config.Sync) *Instance
	// OneTime ends Run when each instance has ended.
	OneTime bool
	Log     *logging.Logging

	mu      sync.Mutex // guards the list, and the instances in it
	members []*member  // in the order of the configuration
	running sync.WaitGroup
}

// member is one sync of a group. Its instance is made again while it cannot start.
type member struct {
	sync     config.Sync
	instance *Instance
	stop     context.CancelFunc
	done     chan struct{} // closed when it runs no more
	err      error         // why, once done
}

// Add opens an instance of each sync, and returns all that is wrong with them.
func (g *Group) Add(syncs []config.Sync) []error {
	var problems []error
	for _, s := range syncs {
		m := g.open(s)
		problems = append(problems, m.instance.Problems()...)
		g.members = append(g.members, m)
	}
	return problems
}

func (g *Group) open(s config.Sync) *member {
	if s.Name != "" {
		g.Log.Of(s.Name).Logger().Info("starting sync", s.Fields()...)
	}
	return &member{sync: s, instance: g.Open(s)}
}

// Instances are those that there are now, in the order of the configuration.
func (g *Group) Instances() []*Instance {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*Instance, 0, len(g.members))
	for _, m := range g.members {
		all = append(all, m.instance)
	}
	return all
}

// Run runs the instances until ctx ends, one of them spends its failure budget or, with OneTime, each has ended. Each list
// that changes delivers starts, stops and replaces exactly those instances that it changes. An instance that cannot start is
// tried again, but with OneTime.
//
// When it returns, no instance runs any more. Those in the group are not closed.
func (g *Group) Run(ctx context.Context, changes <-chan []config.Sync) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, m := range g.members {
		g.start(ctx, m, cancel)
	}
	for !g.OneTime && ctx.Err() == nil {
		select {
		case syncs := <-changes:
			g.change(ctx, syncs, cancel)
		case <-ctx.Done():
		}
	}
	g.running.Wait()
	return g.result()
}

// start runs a member until ctx ends; fail is called when it gives up before.
func (g *Group) start(ctx context.Context, m *member, fail func()) {
	m.done = make(chan struct{})
	ctx, m.stop = context.WithCancel(ctx)
	g.running.Go(func() {
		defer close(m.done)
		if m.err = g.run(ctx, m); m.err != nil && !g.OneTime {
			fail()
		}
	})
}

// run runs a member's instance, as soon as it can start.
func (g *Group) run(ctx context.Context, m *member) error {
	last := ""
	for len(m.instance.Problems()) > 0 {
		problem := errors.Join(m.instance.Problems()...)
		g.closed(m)
		m.instance.Refuse(m.instance.Problems())
		if g.OneTime {
			return fmt.Errorf("cannot start: %w", problem)
		}
		if text := problem.Error(); text != last {
			g.Log.Of(m.sync.Name).Logger().Error(problem, "cannot start", "retryIn", reopenAfter.String())
			last = text
		}
		select {
		case <-time.After(reopenAfter):
		case <-ctx.Done():
			return nil
		}
		fresh := g.Open(m.sync)
		g.mu.Lock()
		m.instance = fresh
		g.mu.Unlock()
	}
	return m.instance.Run(ctx)
}

// change makes the group what syncs asks for. What is removed or replaced ends before anything new is opened, for that may use
// the same root.
func (g *Group) change(ctx context.Context, syncs []config.Sync, fail func()) {
	keep := func(m *member) bool {
		return slices.ContainsFunc(syncs, func(s config.Sync) bool { return s.Equal(m.sync) })
	}
	var ending sync.WaitGroup
	kept := map[string]*member{}
	for _, m := range g.members {
		if keep(m) {
			kept[m.sync.Name] = m
			continue
		}
		g.Log.Of(m.sync.Name).Logger().Info("stopping: the configuration has changed")
		ending.Go(func() { g.end(ctx, m) })
	}
	ending.Wait()
	if ctx.Err() != nil {
		return
	}
	next := make([]*member, 0, len(syncs))
	for _, s := range syncs {
		m := kept[s.Name]
		if m == nil {
			m = g.open(s)
			g.start(ctx, m, fail)
		}
		next = append(next, m)
	}
	g.mu.Lock()
	g.members = next
	g.mu.Unlock()
}

// end stops a member and closes its instance. A disk that does not answer is not waited for: what follows on the same root
// waits for the root's lock, which the instance keeps until nothing of it works there any more.
func (g *Group) end(ctx context.Context, m *member) {
	m.stop()
	over := make(chan struct{})
	go func() {
		defer close(over)
		<-m.done
		g.closed(m)
	}()
	select {
	case <-over:
	case <-ctx.Done(): // Close waits
	case <-time.After(replaceLimit):
		g.Log.Of(m.sync.Name).Logger().Error(errors.New("the sync still works on its root"), "stopping takes long", "limit", replaceLimit.String())
	}
}

func (g *Group) closed(m *member) {
	if err := m.instance.Close(); err != nil {
		g.Log.Of(m.sync.Name).Logger().Error(err, "closing failed")
	}
}

// Close closes all instances, after Run. It blocks while a disk does.
func (g *Group) Close() {
	var all sync.WaitGroup
	for _, m := range g.members {
		all.Go(func() { g.closed(m) })
	}
	all.Wait()
}

// result is what the run comes down to: the error of the only instance, or which of several have failed.
func (g *Group) result() error {
	if len(g.members) == 1 && g.members[0].sync.Name == "" {
		return g.members[0].err
	}
	failed, interrupted := &GroupError{Total: len(g.members)}, false
	for _, m := range g.members {
		switch {
		case errors.Is(m.err, syncer.ErrInterrupted):
			interrupted = true
			failed.Names = append(failed.Names, m.sync.Name)
		case m.err != nil:
			g.Log.Of(m.sync.Name).Logger().Error(m.err, "giving up")
			failed.Names = append(failed.Names, m.sync.Name)
		}
	}
	if g.OneTime {
		g.Log.Logger().Info("all syncs have ended", "published", failed.Total-len(failed.Names), "failed", failed.Names)
	}
	switch {
	case interrupted:
		return syncer.ErrInterrupted
	case len(failed.Names) == 0:
		return nil
	default:
		return failed
	}
}

// GroupError says which syncs of several have failed. Why is in the log.
type GroupError struct {
	Names []string
	Total int
}

func (e *GroupError) Error() string {
	return fmt.Sprintf("%d of %d syncs failed: %s", len(e.Names), e.Total, strings.Join(e.Names, ", "))
}
