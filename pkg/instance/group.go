package instance

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"git-sync/pkg/config"
	"git-sync/pkg/logging"
	"git-sync/pkg/syncer"
)

const (
	// reopenAfter is the delay before an instance that cannot start is made again.
	reopenAfter = 30 * time.Second
	// replaceLimit is how long a change of the configuration waits for an instance to end.
	replaceLimit = 10 * time.Second
)

// Group has the instances of one process. Add and Run are called once, by one goroutine. The other methods are safe
// for concurrent use.
type Group struct {
	// Open makes an instance of a sync.
	Open func(config.Sync) *Instance
	// OneTime makes Run return when all instances have ended.
	OneTime bool
	Log     *logging.Logging

	mu      sync.Mutex // guards the list, and the instances in it
	members []*member  // in the order of the configuration
	running sync.WaitGroup
}

// member is one sync of a group. If its instance cannot start, it is made again from time to time.
type member struct {
	sync     config.Sync
	instance *Instance
	stop     context.CancelFunc
	done     chan struct{} // closed when it has ended
	err      error         // of the run; valid after done is closed
}

// Add opens an instance for each sync, and returns all their problems.
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
		g.Log.Of(s.Name).Logger().Info("starting sync", s.Fields...)
	}
	return &member{sync: s, instance: g.Open(s)}
}

// Instances returns the present instances, in the order of the configuration.
func (g *Group) Instances() []*Instance {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*Instance, 0, len(g.members))
	for _, m := range g.members {
		all = append(all, m.instance)
	}
	return all
}

// Run runs the instances until ctx ends, until one of them has spent its failure budget, or, with OneTime, until all
// have ended. For each list from changes, it starts, stops and replaces only the instances that differ. An instance
// that cannot start is retried, except with OneTime.
//
// When Run returns, no instance is running. They are not closed.
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

// start runs a member until ctx ends. It calls fail if the member gives up before that.
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

// run runs a member's instance. If it cannot start, run tries again until it can.
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

// change updates the group to match syncs. Instances that are removed or replaced end before new ones are opened,
// because a new one may use the same root.
func (g *Group) change(ctx context.Context, syncs []config.Sync, fail func()) {
	keep := func(m *member) bool {
		return slices.ContainsFunc(syncs, func(s config.Sync) bool { return reflect.DeepEqual(s, m.sync) })
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

// end stops a member and closes its instance. It waits only for replaceLimit, in case a disk does not respond. A new
// instance with the same root waits for the root's lock, which the old one holds until it has stopped working there.
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
	case <-ctx.Done(): // Close waits for it
	case <-time.After(replaceLimit):
		g.Log.Of(m.sync.Name).Logger().Error(errors.New("the sync still works on its root"), "stopping takes long", "limit", replaceLimit.String())
	}
}

func (g *Group) closed(m *member) {
	if err := m.instance.Close(); err != nil {
		g.Log.Of(m.sync.Name).Logger().Error(err, "closing failed")
	}
}

// Close closes all instances, after Run. It blocks if a disk does.
func (g *Group) Close() {
	var all sync.WaitGroup
	for _, m := range g.members {
		all.Go(func() { g.closed(m) })
	}
	all.Wait()
}

// result returns the error of the only instance, or an error that names the failed ones.
func (g *Group) result() error {
	if len(g.members) == 1 && g.members[0].sync.Name == "" {
		return g.members[0].err
	}
	var failed []string
	interrupted := false
	for _, m := range g.members {
		switch {
		case errors.Is(m.err, syncer.ErrInterrupted):
			interrupted = true
			failed = append(failed, m.sync.Name)
		case m.err != nil:
			g.Log.Of(m.sync.Name).Logger().Error(m.err, "giving up")
			failed = append(failed, m.sync.Name)
		}
	}
	if g.OneTime {
		g.Log.Logger().Info("all syncs have ended", "published", len(g.members)-len(failed), "failed", failed)
	}
	switch {
	case interrupted:
		return syncer.ErrInterrupted
	case len(failed) == 0:
		return nil
	}
	return fmt.Errorf("%d of %d syncs failed: %s", len(failed), len(g.members), strings.Join(failed, ", "))
}
