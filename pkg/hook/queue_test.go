package hook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
)

// scripted is a hook that takes a second and answers as the test says.
type scripted struct {
	mu     sync.Mutex
	answer func(e Event, run int) error
	runs   []Event
}

func (s *scripted) Name() string { return "scripted" }

func (s *scripted) Run(ctx context.Context, e Event) error {
	s.mu.Lock()
	s.runs = append(s.runs, e)
	n := len(s.runs)
	s.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.answer == nil {
		return nil
	}
	return s.answer(e, n)
}

func (s *scripted) calls() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, e := range s.runs {
		out = append(out, e.Previous+">"+e.Hash)
	}
	return strings.Join(out, " ")
}

// running starts a queue and returns what stops it.
func running(t *testing.T, q *Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { q.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func TestNewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		q := NewQueue(s, QueueOptions{Backoff: 3 * time.Second, Log: logr.Discard()})
		defer running(t, q)()
		q.Send(Event{Hash: "a"})
		synctest.Wait() // a is under way
		for _, p := range []string{"ab", "bc", "cd"} {
			q.Send(Event{Previous: p[:1], Hash: p[1:]})
		}
		if r := q.Report(); !r.Running || r.Pending != "d" || r.Delivered != "" {
			t.Errorf("report %+v", r)
		}
		if err := q.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.calls(); got != ">a a>d" {
			t.Errorf("called with %q", got)
		}
		if r := q.Report(); r.Delivered != "d" || r.Pending != "" || r.Runs[StatusSuccess] != 2 || r.LastDuration != time.Second {
			t.Errorf("report %+v", r)
		}
		q.Send(Event{Previous: "d", Hash: "d"}) // the same again, as after a repair
		if err := q.Wait(t.Context()); err != nil || s.calls() != ">a a>d d>d" {
			t.Errorf("called with %q", s.calls())
		}
	})
}

func TestRetriedUntilSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &sink{}
		s := &scripted{answer: func(_ Event, run int) error {
			if run <= 20 {
				return errors.New("not today")
			}
			return nil
		}}
		q := NewQueue(s, QueueOptions{Backoff: 3 * time.Second, Log: log.logger(0)})
		defer running(t, q)()
		begun := time.Now()
		q.Send(Event{Hash: "a"})
		if err := q.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != 21*time.Second+20*3*time.Second {
			t.Errorf("took %v", took)
		}
		if n := strings.Count(log.String(), "hook failed"); n != 5 {
			t.Errorf("%d lines for 20 failures of one kind, want 5 (1, 2, 4, 8, 16):\n%s", n, log)
		}
		if !strings.Contains(log.String(), `"failures"=20`) {
			t.Errorf("the recovery does not say how many failures it ended:\n%s", log)
		}
		if r := q.Report(); r.Runs[StatusError] != 20 || r.Failures != 0 || r.LastError != "not today" {
			t.Errorf("report %+v", r)
		}
	})
}

// TestNewerRevisionIsToldAtOnce: it does not sit out the backoff of the one it replaces.
func TestNewerRevisionIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(e Event, _ int) error {
			if e.Hash == "bad" {
				return errors.New("no")
			}
			return nil
		}}
		q := NewQueue(s, QueueOptions{Backoff: time.Hour, Log: logr.Discard()})
		defer running(t, q)()
		q.Send(Event{Hash: "one"})
		_ = q.Wait(t.Context())
		q.Send(Event{Previous: "one", Hash: "bad"})
		time.Sleep(time.Minute)
		if r := q.Report(); r.Failures != 1 || r.Pending != "bad" || r.Running {
			t.Errorf("report %+v", r)
		}
		begun := time.Now()
		q.Send(Event{Previous: "bad", Hash: "good"})
		if err := q.Wait(t.Context()); err != nil || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if got := s.calls(); got != ">one one>bad one>good" {
			t.Errorf("called with %q", got)
		}

		// And one that arrives while the bad one runs.
		q.Send(Event{Previous: "good", Hash: "bad"})
		synctest.Wait()
		q.Send(Event{Previous: "bad", Hash: "better"})
		begun = time.Now()
		if err := q.Wait(t.Context()); err != nil || time.Since(begun) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if got := s.calls(); !strings.HasSuffix(got, " good>bad good>better") {
			t.Errorf("called with %q", got)
		}
	})
}

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(e Event, _ int) error {
			if e.Hash == "bad" {
				return errors.New("no")
			}
			return nil
		}}
		q := NewQueue(s, QueueOptions{Backoff: time.Second, Once: true, Log: logr.Discard()})
		defer running(t, q)()
		if err := q.Wait(t.Context()); err != nil {
			t.Errorf("nothing sent: %v", err)
		}
		q.Send(Event{Hash: "bad"})
		if err := q.Wait(t.Context()); err == nil || err.Error() != "no" {
			t.Errorf("failed once: %v", err)
		}
		time.Sleep(time.Minute)
		if got := s.calls(); got != ">bad" {
			t.Errorf("called with %q", got)
		}
		q.Send(Event{Hash: "good"})
		if err := q.Wait(t.Context()); err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(&scripted{}, QueueOptions{Log: logr.Discard()})
		q.Send(Event{Hash: "a"}) // and nobody runs it
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// TestStopIsNoFailure: what is cut short because git-sync stops is not held against the hook.
func TestStopIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &sink{}
		q := NewQueue(&scripted{}, QueueOptions{Log: log.logger(9)})
		stop := running(t, q)
		q.Send(Event{Hash: "a"})
		synctest.Wait()
		stop()
		if r := q.Report(); r.Failures != 0 || r.Running || r.Pending != "a" || log.String() != "" {
			t.Errorf("report %+v, log %s", r, log)
		}
	})
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(e Event, run int) error {
			if e.Hash == "bad" {
				return fmt.Errorf("refused in run %d", run)
			}
			return nil
		}}
		g := NewRecorder(s)
		if err := g.Run(t.Context(), Event{Hash: "bad"}); err == nil {
			t.Error("not refused")
		}
		if err := g.Run(t.Context(), Event{Hash: "good"}); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := g.Run(ctx, Event{Hash: "slow"}); err == nil {
			t.Error("no error though its time was over")
		}
		r := g.Report()
		if r.Runs[StatusError] != 1 || r.Runs[StatusSuccess] != 1 || r.Delivered != "good" || r.Failures != 0 || r.Running || r.LastError != "refused in run 1" {
			t.Errorf("report %+v", r)
		}
	})
}

// TestSenders: many senders, one queue; under the race detector this is the test of its locks.
func TestSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		q := NewQueue(s, QueueOptions{Log: logr.Discard()})
		defer running(t, q)()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				q.Send(Event{Hash: fmt.Sprint(i)})
				_ = q.Report()
			})
		}
		wg.Wait()
		q.Send(Event{Hash: "last"})
		if err := q.Wait(t.Context()); err != nil || q.Report().Delivered != "last" {
			t.Errorf("%v, %+v", err, q.Report())
		}
		if n := len(s.runs); n > 2 {
			t.Errorf("%d runs", n)
		}
	})
}
