package syncer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlots: a loop that waits for another's sync does not count as stuck, and syncs when the other has ended.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := make(chan struct{}, 1)
		with := func(o *Options) { o.Slots, o.Timeout, o.Period = slots, time.Minute, time.Hour }
		slow := newFake()
		slow.prepare = func(context.Context) { time.Sleep(50 * time.Second) }
		first := start(t, slow, with)
		synctest.Wait()
		f := newFake()
		second := start(t, f, with)
		pass(45 * time.Second)
		if rep := second.Report(); rep.Running || rep.Stuck(time.Now()) || rep.LastResult != "" {
			t.Errorf("while it waits: %+v", rep)
		}
		pass(10 * time.Second)
		if rep := second.Report(); rep.Hash != "a" {
			t.Errorf("when the other has ended: %+v", rep)
		}
		_, _ = first.stop(), second.stop()
		if len(slots) != 0 {
			t.Error("a slot is not given back")
		}
	})
}

// TestLoopsOfOneProcessAreSpread: the first poll comes anywhere within the period, the others a period apart.
func TestLoopsOfOneProcessAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := start(t, f, func(o *Options) { o.Slots = make(chan struct{}, 1) })
		pass(26 * time.Second)
		_ = r.stop()
		wantTimes(t, f.starts, seconds(0, 5, 15, 25)...)
	})
}

// TestStopWhileWaitingForASlot: a loop that waits can be stopped.
func TestStopWhileWaitingForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := make(chan struct{}, 1)
		slots <- struct{}{}
		r := start(t, newFake(), func(o *Options) { o.Slots = slots })
		pass(time.Second)
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if len(slots) != 1 {
			t.Error("a slot was given back that was not taken")
		}
	})
}
