package repo

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestJobRunsNext: work that is asked for while other work runs is done afterwards, and not the other work again.
func TestJobRunsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j job
		var ran []string
		begin := make(chan struct{})
		j.start(t.Context(), func(context.Context) { <-begin; ran = append(ran, "first") })
		for range 2 {
			j.start(t.Context(), func(context.Context) { ran = append(ran, "second") })
		}
		close(begin)
		if err := j.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(ran) != 2 || ran[0] != "first" || ran[1] != "second" {
			t.Errorf("ran %q, want the first work and then the second", ran)
		}
	})
}
