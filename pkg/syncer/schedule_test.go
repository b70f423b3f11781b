package syncer

import (
	"testing"
	"time"
)

func TestAfterSuccessIsSpread(t *testing.T) {
	for _, c := range []struct {
		rand float64
		want time.Duration
	}{{0, 9 * time.Second}, {0.5, 10 * time.Second}, {1, 11 * time.Second}} {
		s := Schedule{Period: 10 * time.Second, Rand: func() float64 { return c.rand }}
		if got := s.afterSuccess(situation{succeeded: true}); got.Round(time.Millisecond) != c.want {
			t.Errorf("rand %v: %v, want %v", c.rand, got, c.want)
		}
	}
}

func TestAfterFailure(t *testing.T) {
	unlimited, bounded := Budget{Unlimited: true}, Budget{Exit: 7}
	for _, c := range []struct {
		name       string
		wait       time.Duration
		budget     Budget
		sit        situation
		max        time.Duration
		failures   int
		retryAfter time.Duration
		want       time.Duration
	}{
		{"the first retry comes after one wait", 10 * time.Second, unlimited, situation{}, 0, 1, 0, 10 * time.Second},
		{"the second after two", 10 * time.Second, unlimited, situation{}, 0, 2, 0, 20 * time.Second},
		{"the third after four", 10 * time.Second, unlimited, situation{}, 0, 3, 0, 40 * time.Second},
		{"never more than a minute", 10 * time.Second, unlimited, situation{}, 0, 4, 0, time.Minute},
		{"for ever", 10 * time.Second, unlimited, situation{}, 0, 1 << 40, 0, time.Minute},
		{"a long wait is not waited for", time.Hour, unlimited, situation{}, 0, 1, 0, time.Minute},
		{"as asked for", 10 * time.Second, unlimited, situation{}, 15 * time.Second, 2, 0, 15 * time.Second},
		{"bounded: no growth", 10 * time.Second, bounded, situation{}, 0, 6, 0, 10 * time.Second},
		{"bounded: growth when asked for", 10 * time.Second, bounded, situation{}, time.Minute, 3, 0, 40 * time.Second},
		{"until published: bounded before", 10 * time.Second, Budget{UntilPublished: true}, situation{}, 0, 3, 0, 10 * time.Second},
		{"until published: growth after", 10 * time.Second, Budget{UntilPublished: true}, situation{published: true}, 0, 3, 0, 40 * time.Second},
		{"the server's wish", 10 * time.Second, unlimited, situation{}, 0, 1, 30 * time.Second, 30 * time.Second},
		{"the server's wish, within reason", 10 * time.Second, unlimited, situation{}, 0, 1, time.Hour, time.Minute},
		{"the server's wish is shorter", 10 * time.Second, unlimited, situation{}, 0, 3, time.Second, 40 * time.Second},
		{"bounded: the run's time comes first", 10 * time.Second, bounded, situation{}, 0, 1, time.Hour, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Schedule{InitPeriod: c.wait, InitBudget: &c.budget, BackoffMax: c.max, Rand: func() float64 { return 0 }}
			if got := s.afterFailure(c.sit, c.failures, c.retryAfter); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestRetriesAreSpreadOnlyWhenUnlimited(t *testing.T) {
	s := Schedule{InitPeriod: 10 * time.Second, InitBudget: &Budget{Unlimited: true}, Rand: func() float64 { return 1 }}
	if got := s.afterFailure(situation{}, 1, 0); got != 9*time.Second {
		t.Errorf("unlimited: %v, want 9s", got)
	}
	s.InitBudget = &Budget{Exit: 7}
	if got := s.afterFailure(situation{}, 1, 0); got != 10*time.Second {
		t.Errorf("bounded: %v, want exactly 10s", got)
	}
}

func TestPhases(t *testing.T) {
	s := Schedule{
		Period: time.Minute, InitPeriod: time.Second,
		Budget: Budget{Exit: 2}, InitBudget: &Budget{Exit: 5}, Rand: func() float64 { return 0 },
	}
	if got := s.afterFailure(situation{}, 1, 0); got != time.Second {
		t.Errorf("before the first success: %v", got)
	}
	if got := s.afterFailure(situation{succeeded: true}, 1, 0); got != time.Minute {
		t.Errorf("after it: %v", got)
	}
	if s.InitBudget.spent(4, situation{}) || !s.InitBudget.spent(5, situation{}) {
		t.Error("the initial budget ends at the fifth failure")
	}
	if s.Budget.spent(1, situation{succeeded: true}) || !s.Budget.spent(2, situation{succeeded: true}) {
		t.Error("the budget ends at the second failure")
	}
}

func TestBudget(t *testing.T) {
	for _, c := range []struct {
		name     string
		budget   Budget
		sit      situation
		failures int
		want     bool
	}{
		{"zero value", Budget{}, situation{}, 1, true},
		{"nothing has failed", Budget{}, situation{}, 0, false},
		{"the sixth of seven", Budget{Exit: 7}, situation{}, 6, false},
		{"the seventh", Budget{Exit: 7}, situation{}, 7, true},
		{"unlimited", Budget{Unlimited: true}, situation{}, 1 << 40, false},
		{"nothing is published", Budget{UntilPublished: true}, situation{}, 1, true},
		{"something is published", Budget{UntilPublished: true}, situation{published: true}, 1 << 40, false},
		{"one-time has to end", Budget{UntilPublished: true}, situation{published: true, oneTime: true}, 1, true},
	} {
		if got := c.budget.spent(c.failures, c.sit); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRepeats(t *testing.T) {
	r := repeats{}
	var logged []int
	for range 100 {
		if n := r.add(errRemote); shouldLog(n) {
			logged = append(logged, n)
		}
	}
	if len(logged) != 7 || logged[6] != 64 {
		t.Errorf("logged at %v", logged)
	}
	if signature("timed out after 2.01s on port 45121") != signature("timed out after 13.9s on port 8") {
		t.Error("numbers make a difference")
	}
	if signature("no route to host") == signature("refused") {
		t.Error("words make no difference")
	}
}

func TestRepeatsAreBounded(t *testing.T) {
	r := repeats{}
	for i := range 10_000 {
		r.add(&RefusedError{Hash: string(rune('a' + i)), Err: errRemote})
	}
	if len(r) > maxMessages+1 {
		t.Errorf("%d are remembered", len(r))
	}
}
