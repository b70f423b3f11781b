package repo

import (
	"sync/atomic"
	"testing"

	"git-sync/pkg/git"
)

// A fetch says how far it is.
func TestProgressOfAFetch(t *testing.T) {
	var received atomic.Bool
	f := newFixture(t, func(o *Options) {
		o.Progress = func(p git.Progress) { received.Store(received.Load() || p.Phase == "Counting objects") }
	})
	f.overHTTP()
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	if !received.Load() {
		t.Error("nothing is said of it")
	}
}
