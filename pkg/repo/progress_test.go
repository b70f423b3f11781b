package repo

import (
	"strings"
	"sync"
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
)

// A fetch that takes long tells how much has arrived, although git is not asked for its progress.
func TestProgressOfAFetch(t *testing.T) {
	heard := make(chan struct{})
	var first git.Progress
	hear := sync.OnceFunc(func() { close(heard) })
	f := newFixture(t, func(o *Options) {
		o.Progress = func(p git.Progress) {
			if first == (git.Progress{}) {
				first = p
			}
			hear()
		}
	})
	server := f.overHTTP()
	hash := f.up.Commit(map[string]string{"a": "1"})
	server.Fail(gitserver.Rule{On: gitserver.Fetch, Do: gitserver.Gate(heard)}) // it ends when it has been told of
	f.sync(hash)
	if first.Phase != "Receiving objects" || !strings.HasSuffix(first.Detail, " MiB") {
		t.Errorf("%+v", first)
	}
}
