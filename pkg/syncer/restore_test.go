package syncer

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"git-sync/pkg/repo"
)

// What was lost is published anew although the sync fails, at whichever step, and it counts as published.
func TestRestoreWithoutTheRemote(t *testing.T) {
	for _, step := range []string{"refresh", "prepare"} {
		t.Run(step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				if step == "refresh" {
					f.stepErr[step] = errRemote
				} else {
					f.err = errRemote
				}
				var causes []error
				f.restore = func(cause error) (repo.Tree, error) {
					causes = append(causes, cause)
					return repo.Tree{Hash: "a", Path: "/root/rev-a", New: f.published.Hash == ""}, nil
				}
				var told []string
				r := start(t, f, func(o *Options) {
					o.Budget = Budget{UntilPublished: true, Exit: 1}
					o.Announce = func(t repo.Tree, previous string) { told = append(told, previous+">"+t.Hash) }
				})
				pass(15 * time.Second)
				rep := r.Report()
				if rep.Hash != "a" || rep.Failures < 1 || rep.Counts[ResultSuccess] != 0 || rep.LastError != errRemote.Error() {
					t.Errorf("report: %+v", rep)
				}
				if f.count("publish") != 1 || fmt.Sprint(told) != "[>a]" || f.count("clean") != 1 {
					t.Errorf("told %v, called %v", told, f.calls)
				}
				if len(causes) == 0 || !errors.Is(causes[0], errRemote) {
					t.Errorf("restored because of %v", causes)
				}
				if err := r.stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The gate is asked about a restored tree as about any other.
func TestRestoreIsGated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.err = errRemote
		f.restore = func(error) (repo.Tree, error) { return repo.Tree{Hash: "a", New: true}, nil }
		r := start(t, f, func(o *Options) { o.Gate = (&guard{refuses: "a", began: f.began}).run })
		pass(time.Second)
		_ = r.stop()
		if f.count("publish") != 0 {
			t.Error("published what the gate refuses")
		}
	})
}

// The touch file is touched once for what is in place at start, when that may be used, whether or not the remote is there.
func TestTouchedAtStartWithoutTheRemote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.published, f.err = repo.Revision{Hash: "a", Unusable: "not looked at"}, errRemote
		var touched atomic.Int64
		r := start(t, f, func(o *Options) {
			o.BackoffMax = 10 * time.Second
			o.Touch = func() error {
				if touched.Add(1) == 1 {
					return errors.New("the disk is away")
				}
				return nil
			}
		})
		check := func(when string, want int64) {
			t.Helper()
			if got := touched.Load(); got != want {
				t.Errorf("%s: touched %d times, want %d", when, got, want)
			}
		}
		check("not known to be fit", 0)
		f.set(func(f *fake) { f.published.Unusable = "" })
		pass(10 * time.Second)
		check("fit, and the disk is away", 1)
		pass(30 * time.Second)
		check("fit", 2)
		f.set(func(f *fake) { f.err = nil })
		pass(30 * time.Second)
		check("the remote is back", 2)
		f.set(func(f *fake) { f.head = "b" })
		pass(10 * time.Second)
		check("published", 3)
		_ = r.stop()
	})
}
