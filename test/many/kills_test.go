package many

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestKills: the process is killed at random instants while many repositories change. What each has published is whole.
func TestKills(t *testing.T) {
	w, names, r := repositories(t, sized(20, 8))
	published := 0
	for round := range sized(25, 2) {
		w.start()
		lines := 20 + r.IntN(200)
		pushed := round * 1000
		w.Until("the instant of the kill", func() bool {
			pushed++
			name := names[r.IntN(len(names))]
			w.all[name].push(fmt.Sprintf("%s %d", name, pushed))
			return strings.Count(w.Said(), "\n") >= lines
		})
		w.Signal(syscall.SIGKILL)
		<-w.Done()
		for _, name := range names {
			if _, err := os.Lstat(w.root(name).Link); err == nil {
				w.whole(name)
				published++
			}
		}
	}
	if published == 0 {
		t.Error("nothing was published before any of the kills")
	}
	t.Logf("%d published trees were whole after a kill", published)
	w.start()
	w.shows(names)
	for _, name := range names {
		w.whole(name)
	}
	w.Stop()
	w.Exits(0)
}
