package repo

import (
	"fmt"
	"os"
	"sync"
	"time"

	"git-sync/pkg/git"
)

// fetchWatch is how often a fetch is looked at that is not asked for its progress.
const fetchWatch = time.Second

// watchFetch reports how much of a fetch into st has arrived, until the function
// that it returns is called.
func (s session) watchFetch(st store) (stop func()) {
	ended := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(fetchWatch)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				mib := float64(st.arriving()) / (1 << 20)
				s.opts.Progress(git.Progress{Phase: "Receiving objects", Percent: -1, Detail: fmt.Sprintf("%.1f MiB", mib)})
			}
		}
	})
	return func() {
		close(ended)
		watcher.Wait()
	}
}

// arriving is the size, in bytes, of the packs that are being written.
func (st store) arriving() int64 {
	names, _ := glob(st.dir, "objects/pack/tmp_pack_*") // the pattern is a good one
	bytes := int64(0)
	for _, name := range names {
		if info, err := os.Lstat(name); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}
