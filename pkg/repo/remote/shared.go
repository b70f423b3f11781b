package remote

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Pool joins the polls of remotes that have the same URL and credentials. Each request asks for the refs of all of
// them, and each remote uses the answer once. The zero value is ready to use.
type Pool struct {
	mu      sync.Mutex // guards the list, and the members of its sources
	sources []*source
}

// Sharing says how the polls of a remote are joined with those of others. The zero value joins nothing.
type Sharing struct {
	Pool *Pool
	// Credentials are equal if two remotes have the same credentials. They are only compared.
	Credentials any
	// Period is the usual time between two polls.
	Period time.Duration
	// Changed is called when a poll of another remote shows that the refs of this one have changed. It must not block.
	Changed func()
}

// source is a repository that one or more remotes poll.
type source struct {
	members []*Remote
	stale   atomic.Int64  // counts the events that invalidate earlier answers
	busy    chan struct{} // holds a value during a request; guards the following fields

	connection   *connection // kept between polls; nil if there is none
	gitOnly      bool        // the server does not speak protocol v2, or only git can connect
	failed       bool        // the last poll failed: the next one uses git ls-remote
	rejectedAuth string      // an Authorization that the server rejects unless it has asked for one
	last         answer
}

// answer is the result of one request.
type answer struct {
	number       int64 // 0: none yet
	patterns     []string
	refs         map[string]string // after an error, those of the previous answer
	err          error
	stale        int64
	begun, ended time.Time
}

// join adds r to its source, which it makes if necessary.
func (p *Pool) join(r *Remote) *source {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.sources, func(s *source) bool {
		o := s.members[0].opts
		return o.URL == r.opts.URL && o.Poll == r.opts.Poll && slices.Equal(o.Config, r.opts.Config) &&
			reflect.DeepEqual(o.Sharing.Credentials, r.opts.Sharing.Credentials)
	})
	if i < 0 {
		i = len(p.sources)
		p.sources = append(p.sources, &source{busy: make(chan struct{}, 1)})
	}
	s := p.sources[i]
	s.members = append(s.members, r)
	s.stale.Add(1) // r must not use an answer from before it joined
	return s
}

// leave removes r from its source, and reports whether it was the last member.
func (p *Pool) leave(r *Remote) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.members = slices.DeleteFunc(r.members, func(m *Remote) bool { return m == r })
	if len(r.members) > 0 {
		return false
	}
	p.sources = slices.DeleteFunc(p.sources, func(s *source) bool { return s == r.source })
	return true
}

// others returns the other members of r's source.
func (p *Pool) others(r *Remote) []*Remote {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.members), func(m *Remote) bool { return m == r })
}

// Expire invalidates the answers to earlier polls: the remote may have changed.
func (r *Remote) Expire() { r.stale.Add(1) }

// refs returns the refs of the remote that match patterns, and maybe others. It uses the source's last answer if
// possible, else it makes a request. If ctx ends during the request, the next waiting remote makes its own.
func (a asking) refs(ctx context.Context, patterns []string) (map[string]string, error) {
	arrived := time.Now()
	select {
	case a.busy <- struct{}{}:
		defer func() { <-a.busy }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting while another sync asks the same remote: %w", ctx.Err())
	}
	if !a.serves(patterns, arrived) {
		if err := a.renew(ctx, patterns); err != nil && ctx.Err() != nil {
			return nil, err
		}
	}
	a.used = a.last.number
	return a.last.refs, a.last.err
}

// renew asks for patterns and for the refs of the other remotes, and notifies those whose refs have changed.
func (a asking) renew(ctx context.Context, patterns []string) error {
	others := a.opts.Sharing.Pool.others(a.Remote)
	for _, m := range others {
		patterns = append(patterns, m.wants()...)
	}
	slices.Sort(patterns)
	next := answer{number: a.last.number + 1, patterns: slices.Compact(patterns), stale: a.stale.Load(), begun: time.Now()}
	next.refs, next.err = a.ask(ctx, next.patterns)
	next.ended = time.Now()
	before := a.last.refs
	if next.err != nil {
		next.refs = before
	}
	if ctx.Err() == nil || next.err == nil {
		a.last = next
	}
	for _, m := range others {
		if before != nil && !maps.Equal(m.follows(before), m.follows(next.refs)) {
			m.opts.Sharing.Changed()
		}
	}
	return next.err
}

// serves reports whether r, which has waited since arrived, can use the last answer. It can use an error only if the
// request ended while r waited.
func (r *Remote) serves(patterns []string, arrived time.Time) bool {
	last := r.last
	return last.number != r.used && last.stale == r.stale.Load() && (last.err == nil || last.ended.After(arrived)) &&
		time.Since(last.begun) < r.opts.Sharing.Period*3/4 &&
		!slices.ContainsFunc(patterns, func(p string) bool { return !slices.Contains(last.patterns, p) })
}

// follows returns the refs that r wants.
func (r *Remote) follows(refs map[string]string) map[string]string {
	mine, wants := maps.Clone(refs), r.wants()
	maps.DeleteFunc(mine, func(name, _ string) bool {
		return !slices.ContainsFunc(wants, func(p string) bool {
			beginning, isGlob := strings.CutSuffix(p, "*")
			return name == p || isGlob && strings.HasPrefix(name, beginning)
		})
	})
	return mine
}
