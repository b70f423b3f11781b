package syncer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"git-sync/pkg/repo"
)

func TestTimeoutIsOneFailureAndTheNextSyncRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.prepare = func(ctx context.Context) { <-ctx.Done() }
		var failed error
		r := start(t, f, func(o *Options) { o.Failed = func(err error, _ int) { failed = err } })
		pass(65 * time.Second)
		if !errors.Is(failed, errTimeout) || !errors.Is(failed, context.DeadlineExceeded) {
			t.Errorf("failed with %v", failed)
		}
		f.set(func(f *fake) { f.prepare = nil })
		pass(time.Minute)
		if rep := r.Report(); rep.Hash != "a" || rep.Failures != 0 {
			t.Errorf("report: %+v", rep)
		}
		_ = r.stop()
	})
}

// stick makes Prepare ignore its context until the returned function is called, as a disk does that does not answer.
func stick(f *fake) (release func()) {
	stuck := make(chan struct{})
	f.prepare = func(context.Context) { <-stuck }
	return func() {
		f.set(func(f *fake) { f.prepare = nil })
		close(stuck)
	}
}

func TestStuckSyncIsReportedAndLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		release := stick(f)
		r := start(t, f, nil)
		pass(61*time.Second - 1)
		if rep := r.Report(); rep.Failures != 0 || !rep.Running {
			t.Errorf("before its time is over: %+v", rep)
		}
		pass(1)
		rep := r.Report()
		if rep.Failures != 1 || !rep.Running || rep.LastResult != ResultError || rep.LastHint == "" {
			t.Errorf("when its time is over: %+v", rep)
		}
		if rep.Stuck(time.Now()) {
			t.Error("counts as stuck while ending its children may still take a moment")
		}
		r.Trigger(SourceReceiver)
		pass(time.Second)
		if rep := r.Report(); rep.Failures != 1 {
			t.Errorf("a push is no other failure: %+v", rep)
		}
		pass(time.Minute)
		if rep := r.Report(); !rep.Stuck(time.Now()) || rep.Failures < 2 {
			t.Errorf("later: %+v", rep)
		}
		wantTimes(t, f.times(), 0) // nothing else was started
		at := time.Since(f.began)
		release()
		pass(time.Second)
		rep = r.Report()
		if rep.Stuck(time.Now()) || rep.Running || rep.Hash != "a" || rep.Failures != 0 {
			t.Errorf("when the disk is back: %+v", rep)
		}
		wantTimes(t, f.times(), 0, at)
		_ = r.stop()
	})
}

func TestStuckSyncSpendsABoundedBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		release := stick(f)
		defer release()
		r := start(t, f, func(o *Options) { o.OneTime, o.Budget = true, Budget{Exit: 3} })
		if err := r.end(); !errors.Is(err, errStuck) {
			t.Errorf("ended with %v", err)
		}
		if took := time.Since(f.began); took != 81*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

func TestStuckSyncThatPublishedAfterAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		told := 0
		r := start(t, f, func(o *Options) {
			o.Announce = func(repo.Tree, string) {
				if told++; told == 2 {
					time.Sleep(90 * time.Second) // past the commit point, where the context is no longer asked
				}
			}
		})
		f.set(func(f *fake) { f.head = "b" })
		pass(80 * time.Second)
		if rep := r.Report(); rep.Failures != 1 || rep.Hash != "a" {
			t.Errorf("while stuck: %+v", rep)
		}
		pass(30 * time.Second)
		if rep := r.Report(); rep.Failures != 0 || rep.Hash != "b" || rep.Counts[ResultSuccess] != 2 {
			t.Errorf("afterwards: %+v", rep)
		}
		_ = r.stop()
	})
}

func TestStopTakesLessThanTwoSeconds(t *testing.T) {
	for name, opt := range map[string]struct {
		prepare bool
	}{"idle": {}, "sync stuck": {prepare: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				stuck := make(chan struct{})
				defer close(stuck)
				if opt.prepare {
					f.prepare = func(context.Context) { <-stuck }
				}
				r := start(t, f, nil)
				pass(time.Second)
				began := time.Now()
				if err := r.stop(); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took >= 2*time.Second {
					t.Errorf("took %v", took)
				}
				if rep := r.Report(); rep.Failures != 0 || rep.Stuck(time.Now().Add(time.Hour)) {
					t.Errorf("stopping is not a failure: %+v", rep)
				}
			})
		})
	}
}

func TestTheIdleLoopHasADeadlineToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newFake(), nil)
		pass(5 * time.Second)
		rep := r.Report()
		if rep.Stuck(time.Now()) || rep.Stuck(rep.Next) || !rep.Stuck(rep.Next.Add(slack+1)) {
			t.Errorf("report: %+v", rep)
		}
		_ = r.stop()
	})
}

func TestLivenessDoesNotDependOnTheRemote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.err = errRemote
		r := start(t, f, func(o *Options) { o.Period = time.Hour })
		for range 1000 {
			pass(7 * time.Second)
			if rep := r.Report(); rep.Stuck(time.Now()) {
				t.Fatalf("report: %+v", rep)
			}
		}
		_ = r.stop()
	})
}
