package syncer

import (
	"context"
	"sync"
	"time"
)

// request is why a sync is to be made, and who waits for it.
type request struct {
	source  string
	at      time.Time // when it was first asked for; zero when nobody asked (start, period)
	waiters []chan<- answer
}

// answer is what a waiter gets.
type answer struct {
	hash string
	err  error
}

func (q *request) answer(a answer) {
	for _, w := range q.waiters {
		w <- a // each has room for its one answer
	}
}

// inbox is a slot for one request: what arrives while one is waiting joins it. kick has room for one value, and holds
// one when the slot has been filled since it was last taken.
type inbox struct {
	mu   sync.Mutex
	slot *request
	kick chan struct{}
}

func newInbox() *inbox { return &inbox{kick: make(chan struct{}, 1)} }

func (b *inbox) put(source string, waiter chan<- answer) {
	b.mu.Lock()
	if b.slot == nil {
		b.slot = &request{source: source, at: time.Now()}
	}
	if source != SourceReceiver {
		b.slot.source = source // pushes can be made to wait a little, others not
	}
	if waiter != nil {
		b.slot.waiters = append(b.slot.waiters, waiter)
	}
	b.mu.Unlock()
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// peek is the source of the waiting request, "" if there is none.
func (b *inbox) peek() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slot == nil {
		return ""
	}
	return b.slot.source
}

// take empties the slot: what comes from now on is for the sync after.
func (b *inbox) take() *request {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.slot
	b.slot = nil
	return q
}

// Trigger asks for a sync as soon as may be. It never blocks. Any number of triggers that arrive before a sync starts
// are that one sync; any number that arrive while one runs are one more. The source is one of the Source constants.
func (s *Syncer) Trigger(source string) {
	s.countTrigger(source)
	s.inbox.put(source, nil)
}

// Wait asks for a sync like Trigger and returns when a sync that started after the call has ended: with the hash that
// is published then, or with what the sync failed of. It returns ctx's error when ctx ends first (the sync goes on), and
// ErrStopped when the loop ends.
func (s *Syncer) Wait(ctx context.Context, source string) (hash string, err error) {
	ch := make(chan answer, 1)
	s.countTrigger(source)
	s.inbox.put(source, ch)
	select {
	case a := <-ch:
		return a.hash, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	case <-s.stopped:
		return "", ErrStopped
	}
}
