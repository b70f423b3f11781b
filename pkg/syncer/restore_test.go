package syncer

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
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
				f.restore = func(cause error) (Tree, error) {
					causes = append(causes, cause)
					return Tree{Hash: "a", Path: "/root/rev-a", New: f.published.Hash == ""}, nil
				}
				var told []string
				r := start(t, f, func(o *Options) {
					o.Budget = Budget{UntilPublished: true, Exit: 1}
					o.Tell = func(t Tree, previous string) { told = append(told, previous+">"+t.Hash) }
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
		f.restore = func(error) (Tree, error) { return Tree{Hash: "a", New: true}, nil }
		r := start(t, f, func(o *Options) { o.Gate = (&guard{refuses: "a", began: f.began}).run })
		pass(time.Second)
		_ = r.stop()
		if f.count("publish") != 0 {
			t.Error("published what the gate refuses")
		}
	})
}
