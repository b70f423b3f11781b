package many

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"git-sync/test/harness"
)

// listed are the names of the syncs that /status shows, sorted.
func (w *world) listed() []string {
	var status struct{ Syncs []struct{ Name string } }
	_, body := harness.Get(w.url + "/status")
	_ = json.Unmarshal([]byte(body), &status)
	var names []string
	for _, s := range status.Syncs {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// routines is the number of goroutines.
func (w *world) routines() int {
	_, body := harness.Get(w.url + "/debug/pprof/goroutine?debug=1")
	first, _, _ := strings.Cut(body, "\n")
	n, _ := strconv.Atoi(first[strings.LastIndex(first, " ")+1:])
	return n
}

func (w *world) descriptors() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.PID()))
	must(w.t, err)
	return len(entries)
}

// TestChanges: the file changes again and again while the repositories do. Nothing is left behind.
func TestChanges(t *testing.T) {
	w, names, r := repositories(t, sized(10, 5))
	w.start()
	w.shows(names)
	// A moment without a sync, of which the least is to be compared.
	least := func() (routines, descriptors int) {
		routines, descriptors = w.routines(), w.descriptors()
		for range 50 {
			routines, descriptors = min(routines, w.routines()), min(descriptors, w.descriptors())
		}
		return routines, descriptors
	}
	routines, descriptors := least()
	changes := sized(100, 2)
	for i := range changes {
		chosen := slices.DeleteFunc(slices.Clone(names), func(string) bool { return r.IntN(3) == 0 })
		if len(chosen) == 0 {
			chosen = names[:1]
		}
		w.writes(chosen, fmt.Sprintf("touch-file: touched-%d", r.IntN(2)))
		for _, n := range r.Perm(len(names))[:2] {
			w.all[names[n]].push(fmt.Sprintf("%s %d", names[n], i+1))
		}
		w.Until("the change", func() bool { return slices.Equal(w.listed(), chosen) })
		w.shows(chosen)
	}
	w.writes(names)
	w.Until("the list as before", func() bool { return slices.Equal(w.listed(), names) })
	w.shows(names)
	w.Until("as few goroutines and files as before", func() bool {
		now, open := least()
		return now <= routines+2 && open <= descriptors+2
	})
	if entries, err := os.ReadDir(w.path("roots")); err != nil || len(entries) != len(names) {
		t.Errorf("the roots are %v, %v", entries, err)
	}
	w.Stop() // which checks that no process is left
	w.Exits(0)
	for _, name := range names {
		w.whole(name)
		if trees, _ := filepath.Glob(filepath.Join(w.root(name).Dir, ".worktrees", "*")); len(trees) > 2 {
			t.Errorf("%s has %d trees", name, len(trees))
		}
	}
}
