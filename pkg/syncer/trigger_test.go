package syncer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTriggerSyncsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := start(t, f, func(o *Options) { o.Period = time.Hour })
		pass(5 * time.Second)
		f.set(func(f *fake) {
			f.head = "b"
			f.prepare = func(context.Context) { time.Sleep(2 * time.Second) }
		})
		r.Trigger(SourceReceiver)
		pass(3 * time.Second)
		rep := r.Report()
		if rep.Hash != "b" || rep.Trigger != SourceReceiver || rep.Since.Sub(rep.PushedAt) != 2*time.Second {
			t.Errorf("report: %+v", rep)
		}
		_ = r.stop()
		wantTimes(t, f.times(), seconds(0, 5)...)
	})
}

func TestTriggersDuringASyncCauseOneMore(t *testing.T) {
	for _, source := range []string{SourceSignal, SourceReceiver} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.prepare = func(context.Context) { time.Sleep(20 * time.Second) }
			r := start(t, f, func(o *Options) { o.Period = time.Hour })
			for range 100 {
				pass(time.Millisecond)
				r.Trigger(source)
			}
			f.set(func(f *fake) { f.head = "b" })
			pass(50 * time.Minute)
			wantTimes(t, f.times(), seconds(0, 20)...)
			if r.Report().Hash != "b" {
				t.Error("the last state of the remote is not published")
			}
			_ = r.stop()
		})
	}
}

func TestAThousandPushesInASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := start(t, f, func(o *Options) { o.Period = time.Hour })
		pass(10 * time.Second)
		for range 1000 {
			r.Trigger(SourceReceiver)
			pass(time.Millisecond)
		}
		pass(30 * time.Minute)
		wantTimes(t, f.times(), seconds(0, 10, 11)...)
		_ = r.stop()
	})
}

func TestASignalDoesNotWaitForThePushesGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := start(t, f, func(o *Options) { o.Period = time.Hour })
		pass(10 * time.Second)
		r.Trigger(SourceReceiver)
		pass(100 * time.Millisecond)
		r.Trigger(SourceReceiver)
		pass(100 * time.Millisecond)
		r.Trigger(SourceSignal)
		pass(time.Minute)
		wantTimes(t, f.times(), seconds(0, 10, 10.2)...)
		_ = r.stop()
	})
}

func TestWaitIsAnsweredByASyncThatStartedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.prepare = func(context.Context) { time.Sleep(4 * time.Second) }
		r := start(t, f, func(o *Options) { o.Period = time.Hour })
		f.set(func(f *fake) { f.head = "b" }) // too late for the sync that is under way
		pass(time.Second)
		hash, err := r.Wait(t.Context(), SourceReceiver)
		if hash != "b" || err != nil {
			t.Errorf("answered %q, %v", hash, err)
		}
		if since := time.Since(f.began); since != 8*time.Second {
			t.Errorf("answered after %v", since)
		}
		_ = r.stop()
	})
}

func TestWaitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := start(t, f, func(o *Options) { o.Period = time.Hour })
		f.set(func(f *fake) { f.err = errRemote })
		if _, err := r.Wait(t.Context(), SourceReceiver); !errors.Is(err, errRemote) {
			t.Errorf("a failed sync answered %v", err)
		}
		f.set(func(f *fake) { f.prepare = func(ctx context.Context) { <-ctx.Done() } })
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := r.Wait(ctx, SourceReceiver); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's deadline answered %v", err)
		}
		time.AfterFunc(time.Second, r.cancel)
		if _, err := r.Wait(t.Context(), SourceReceiver); !errors.Is(err, ErrStopped) {
			t.Errorf("the loop's end answered %v", err)
		}
		_ = r.end()
	})
}
