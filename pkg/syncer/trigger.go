package syncer

import (
	"context"
	"sync"
	"time"
)

// request is the reason for a sync, with those who wait for it.
type request struct {
	source  string
	at      time.Time // when the first trigger arrived; zero for start and period
	waiters []chan<- answer
}

// answer is the result for a waiter.
type answer struct {
	hash string
	err  error
}

func (q *request) answer(a answer) {
	for _, w := range q.waiters {
		w <- a // each has room for one answer
	}
}

// inbox holds at most one request: further triggers join a waiting one. kick has room for one value, and holds one if
// a trigger has arrived since kick was last read.
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
		b.slot.source = source // pushes may have to wait a little, other triggers do not
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

// peek returns the source of the waiting request; "" if there is none.
func (b *inbox) peek() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slot == nil {
		return ""
	}
	return b.slot.source
}

// take removes the request: later triggers cause another sync.
func (b *inbox) take() *request {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.slot
	b.slot = nil
	return q
}

// Trigger asks for a sync as soon as possible. It never blocks. All triggers that arrive before a sync starts cause
// one sync. All triggers that arrive during a sync cause one more. The source is one of the Source constants.
func (s *Syncer) Trigger(source string) {
	s.countTrigger(source)
	s.inbox.put(source, nil)
}

// Wait asks for a sync like Trigger, and blocks until a sync that started after the call has ended. It returns the
// published hash, or the sync's error. If ctx ends first, it returns ctx's error, and the sync continues. If the loop
// ends, it returns ErrStopped.
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
