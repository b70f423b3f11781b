package syncer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"git-sync/pkg/repo"
)

func TestPollingGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := start(t, f, nil)
		pass(35 * time.Second)
		f.set(func(f *fake) { f.head = "b" })
		pass(10 * time.Second)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		wantTimes(t, f.times(), seconds(0, 10, 20, 30, 40)...)
		rep := r.Report()
		if rep.Ref != "refs/heads/main" || rep.Hash != "b" || rep.PreviousHash != "a" || rep.Counts[ResultSuccess] != 2 || rep.Counts[ResultNoop] != 3 {
			t.Errorf("report: %+v", rep)
		}
		if len(rep.History) != 2 || rep.History[0].Hash != "a" || rep.History[1].Hash != "b" {
			t.Errorf("history: %+v", rep.History)
		}
		if rep.Triggers[SourceStart] != 1 || rep.Triggers[SourcePeriod] != 4 {
			t.Errorf("triggers: %v", rep.Triggers)
		}
		if n := r.log.with(`"published revision"`); n != 2 || len(r.log.all) != 2 {
			t.Errorf("one line per change of state, and two changes: %q", r.log.all)
		}
	})
}

func TestReportsAreValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first Report
		r := start(t, newFake(), func(o *Options) {
			o.Observe = func(rep Report) {
				if first.Counts == nil {
					first = rep
				}
			}
		})
		pass(time.Minute)
		_ = r.stop()
		if first.Counts[ResultSuccess] != 1 || first.Counts[ResultNoop] != 0 || len(first.History) != 1 {
			t.Errorf("a report changed after it was handed out: %+v", first)
		}
	})
}

func TestRestartOnAnIntactRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.published = repo.Revision{Hash: "a", Since: f.began.Add(-time.Hour)}
		var told []string
		touched := 0
		r := start(t, f, func(o *Options) {
			o.Announce = func(t repo.Tree, previous string) { told = append(told, previous+">"+t.Hash) }
			o.Touch = func() error { touched++; return nil }
		})
		pass(30 * time.Second)
		_ = r.stop()
		if f.count("publish") != 0 {
			t.Error("published again what was published")
		}
		if fmt.Sprint(told) != "[a>a]" || touched != 1 {
			t.Errorf("the hash found in place counts as new, once: told %v, touched %d times", told, touched)
		}
		rep := r.Report()
		if rep.Counts[ResultSuccess] != 1 || !rep.Since.Equal(f.began.Add(-time.Hour)) {
			t.Errorf("report: %+v", rep)
		}
	})
}

func TestBudgetEndsTheRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		budget Budget
		want   []time.Duration
	}{
		{"six tolerated, the article's minute", Budget{Exit: 7}, seconds(0, 10, 20, 30, 40, 50, 60)},
		{"the first", Budget{Exit: 1}, seconds(0)},
		{"nothing published", Budget{UntilPublished: true}, seconds(0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.err = errRemote
				r := start(t, f, func(o *Options) { o.Budget, o.Rand = c.budget, func() float64 { return 0.9 } })
				err := r.end()
				if !errors.Is(err, errRemote) || err.Error() != spentBudget(len(c.want), "", errRemote).Error() {
					t.Errorf("ended with %v", err)
				}
				wantTimes(t, f.times(), c.want...)
			})
		})
	}
}

func TestSuccessRestoresTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.prepare = func(context.Context) {
			f.set(func(f *fake) {
				f.err = errRemote
				if len(f.starts)%3 == 0 {
					f.err = nil
				}
			})
		}
		r := start(t, f, func(o *Options) { o.Budget = Budget{Exit: 3} })
		pass(time.Hour)
		select {
		case <-r.done:
			t.Errorf("ended with %v", r.err)
		default:
		}
		_ = r.stop()
	})
}

func TestPublishedRootSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.published = repo.Revision{Hash: "a"}
		f.err = errRemote
		r := start(t, f, func(o *Options) { o.Budget = Budget{UntilPublished: true} })
		pass(24 * time.Hour)
		f.set(func(f *fake) { f.err = nil })
		pass(time.Minute)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		failures := len(f.times()) - r.Report().Counts[ResultSuccess] - r.Report().Counts[ResultNoop]
		if failures < 1440 {
			t.Errorf("only %d retries in a day", failures)
		}
		if n := r.log.with(`"sync failed"`); n > 12 {
			t.Errorf("%d lines for one outage", n)
		}
		if r.log.with(fmt.Sprintf(`"recovered" "hash"="a" "failures"=%d "after"="24h`, failures)) != 1 {
			t.Errorf("recovery from %d failures is not told: %q", failures, r.log.all)
		}
		if r.log.with(`"sync failed"`) != r.log.with(`"published"="a"`) {
			t.Errorf("a failure does not say what is still published: %q", r.log.all)
		}
	})
}

// TestLastSuccess: the time of the last success is that of an earlier process, or of the publication, until there is a newer one.
func TestLastSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noted, published := time.Now().Add(-time.Hour), time.Now().Add(-2*time.Hour)
		for want, rev := range map[time.Time]repo.Revision{
			noted:     {Hash: "a", Since: published, LastSuccess: noted},
			published: {Hash: "a", Since: published},
			{}:        {},
		} {
			f := newFake()
			f.published, f.err = rev, errRemote
			r := start(t, f, nil)
			began := time.Now()
			pass(time.Second)
			if rep := r.Report(); !rep.LastSuccess.Equal(want) || !rep.FailingSince.Equal(began) {
				t.Errorf("%+v: last success %v, failing since %v", rev, rep.LastSuccess, rep.FailingSince)
			}
			pass(time.Minute)
			if rep := r.Report(); rep.Failures < 2 || !rep.FailingSince.Equal(began) || f.count("succeeded") != 0 {
				t.Errorf("%+v: %d failures since %v", rev, rep.Failures, rep.FailingSince)
			}
			f.set(func(f *fake) { f.err = nil })
			pass(2 * time.Minute)
			_ = r.stop()
			if rep := r.Report(); !rep.LastSuccess.After(began) || !rep.FailingSince.IsZero() || f.count("succeeded") == 0 {
				t.Errorf("%+v: after recovery: %+v", rev, rep)
			}
		}
	})
}

// TestSpentBudgetNamesItsOption: after the cause, the error says how many failures there were and which option made them too many.
func TestSpentBudgetNamesItsOption(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"3; --max-failures=3":                func(o *Options) { o.Budget = Budget{Exit: 3, Option: "--max-failures=3"} },
		"2; --init-max-failures=2":           func(o *Options) { o.InitBudget = &Budget{Exit: 2, Option: "--init-max-failures=2"} },
		"1; --max-failures=N tolerates more": func(o *Options) { o.Budget = Budget{UntilPublished: true} },
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.err = errRemote
			err := start(t, f, change).end()
			if err == nil || err.Error() != errRemote.Error()+" (consecutive failures: "+want+")" {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

func TestInitialPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.err = errRemote
		r := start(t, f, func(o *Options) {
			o.InitPeriod, o.InitBudget = time.Second, &Budget{Exit: 10}
			o.Budget = Budget{Exit: 2}
		})
		pass(2500 * time.Millisecond)
		f.set(func(f *fake) { f.err = nil })
		pass(time.Second)
		f.set(func(f *fake) { f.err = errRemote })
		err := r.end()
		if err == nil || err.Error() != spentBudget(2, "", errRemote).Error() {
			t.Errorf("ended with %v", err)
		}
		wantTimes(t, f.times(), seconds(0, 1, 2, 3, 13, 23)...)
	})
}

func TestOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.err = errRemote
		cleaned := false
		f.waitClean = func(context.Context) error { time.Sleep(5 * time.Second); cleaned = true; return nil }
		r := start(t, f, func(o *Options) { o.OneTime, o.Budget = true, Budget{Exit: 7} })
		pass(15 * time.Second)
		f.set(func(f *fake) { f.err = nil })
		if err := r.end(); err != nil {
			t.Error(err)
		}
		wantTimes(t, f.times(), seconds(0, 10, 20)...)
		if !cleaned {
			t.Error("ended before its clean-up")
		}
	})
}

func TestOneTimeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.prepare = func(ctx context.Context) { <-ctx.Done() }
		r := start(t, f, func(o *Options) { o.OneTime = true })
		if err := r.stop(); !errors.Is(err, ErrInterrupted) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestEveryStepsFailureFailsTheSync(t *testing.T) {
	for _, step := range []string{"refresh", "publish"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.stepErr[step] = errRemote
			var failed error
			r := start(t, f, func(o *Options) {
				o.Budget = Budget{}
				o.Failed = func(err error, _ int) { failed = err }
				o.Announce = func(repo.Tree, string) { t.Error("told of a revision that is not published") }
			})
			if err := r.end(); !errors.Is(err, errRemote) || !errors.Is(failed, errRemote) {
				t.Errorf("%s: ended with %v, told %v", step, err, failed)
			}
		})
	}
}

func TestTouchIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		r := start(t, newFake(), func(o *Options) {
			o.Touch = func() error {
				if tries++; tries < 3 {
					return errors.New("no space")
				}
				return nil
			}
		})
		pass(time.Minute)
		_ = r.stop()
		if tries != 3 {
			t.Errorf("%d tries", tries)
		}
	})
}

// wish is a server's error that asks to be left alone for a while.
type wish struct{ after time.Duration }

func (wish) Error() string               { return "too many requests" }
func (w wish) RetryAfter() time.Duration { return w.after }
func (wish) Hint() string                { return "poll less often" }
func (wish) Output() (string, string)    { return "slow down", "" }

func TestRetryAfterIsObeyedByPushesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.err = fmt.Errorf("asking the remote: %w", wish{30 * time.Second})
		r := start(t, f, nil)
		pass(5 * time.Second)
		r.Trigger(SourceReceiver)
		r.Trigger(SourceSignal)
		pass(20 * time.Second)
		wantTimes(t, f.times(), 0)
		f.set(func(f *fake) { f.err = nil })
		pass(10 * time.Second)
		wantTimes(t, f.times(), seconds(0, 30)...)
		if rep := r.Report(); rep.LastHint != "poll less often" || rep.LastRemote != "slow down" {
			t.Errorf("hint: %q, the remote's words: %q", rep.LastHint, rep.LastRemote)
		}
		_ = r.stop()
	})
}
