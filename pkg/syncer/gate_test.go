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

// guard is a pre-publish hook that refuses some hashes.
type guard struct {
	refuses string
	asked   []string // hash@second
	began   time.Time
}

func (g *guard) run(_ context.Context, t repo.Tree, _ string) error {
	g.asked = append(g.asked, fmt.Sprintf("%s@%.0f", t.Hash, time.Since(g.began).Seconds()))
	if t.Hash == g.refuses {
		return errors.New("exit status 1")
	}
	return nil
}

func TestGateKeepsARevisionFromBeingPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		g := &guard{refuses: "bad", began: f.began}
		r := start(t, f, func(o *Options) { o.Gate, o.GateBackoff = g.run, 25*time.Second })
		f.set(func(f *fake) { f.head = "bad" })
		pass(20 * time.Second)
		rep := r.Report()
		if rep.Hash != "a" || rep.Failures != 1 {
			t.Errorf("report: %+v", rep)
		}
		var refused *RefusedError
		if _, err := r.Wait(t.Context(), SourceSignal); !errors.As(err, &refused) {
			t.Errorf("a caller who waits is told %v", err)
		}
		f.set(func(f *fake) { f.head = "good" })
		pass(10 * time.Second)
		if rep := r.Report(); rep.Hash != "good" || rep.Failures != 0 {
			t.Errorf("a newer revision does not supersede the refused one at once: %+v", rep)
		}
		_ = r.stop()
		if fmt.Sprint(g.asked) != "[a@0 bad@10 good@30]" {
			t.Errorf("asked %v", g.asked)
		}
	})
}

func TestGateIsAskedAgainAfterItsBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.head = "bad"
		g := &guard{refuses: "bad", began: f.began}
		r := start(t, f, func(o *Options) { o.Period, o.Gate, o.GateBackoff = time.Hour, g.run, 3*time.Second })
		pass(7 * time.Second)
		_ = r.stop()
		if fmt.Sprint(g.asked) != "[bad@0 bad@3 bad@6]" {
			t.Errorf("asked %v", g.asked)
		}
	})
}

func TestGateUnderABoundedBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.head = "bad"
		g := &guard{refuses: "bad", began: f.began}
		r := start(t, f, func(o *Options) {
			o.OneTime, o.Budget, o.Gate, o.GateBackoff = true, Budget{Exit: 3}, g.run, 3*time.Second
		})
		var refused *RefusedError
		if err := r.end(); !errors.As(err, &refused) {
			t.Errorf("ended with %v", err)
		}
		if fmt.Sprint(g.asked) != "[bad@0 bad@3 bad@6]" {
			t.Errorf("asked %v", g.asked)
		}
	})
}

// TestRefusalsDoNotEndALoop: a refusal is no failure of the remote, whatever the budget; failures of the remote are.
func TestRefusalsDoNotEndALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.head = "bad"
		g := &guard{refuses: "bad", began: f.began}
		r := start(t, f, func(o *Options) {
			o.Period, o.Budget, o.Gate, o.GateBackoff = time.Hour, Budget{}, g.run, 3*time.Second
		})
		pass(10 * time.Second)
		if rep := r.Report(); rep.Failures != 4 || len(g.asked) != 4 {
			t.Errorf("%d failures, asked %v", rep.Failures, g.asked)
		}
		f.set(func(f *fake) { f.err = errRemote })
		if err := r.end(); err == nil || err.Error() != spentBudget(1, "", errRemote).Error() {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestGateIsNotAskedWhenNothingIsToBePublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.published = repo.Revision{Hash: "a"}
		g := &guard{began: f.began}
		r := start(t, f, func(o *Options) { o.Gate = g.run })
		pass(time.Minute)
		_ = r.stop()
		if len(g.asked) != 0 {
			t.Errorf("asked %v", g.asked)
		}
	})
}

func TestGateThatHangsIsATimeoutNotARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var failed error
		r := start(t, f, func(o *Options) {
			o.Gate = func(ctx context.Context, _ repo.Tree, _ string) error { <-ctx.Done(); return ctx.Err() }
			o.Failed = func(err error, _ int) { failed = err }
		})
		pass(65 * time.Second)
		_ = r.stop()
		var refused *RefusedError
		if !errors.Is(failed, errTimeout) || errors.As(failed, &refused) {
			t.Errorf("failed with %v", failed)
		}
	})
}
