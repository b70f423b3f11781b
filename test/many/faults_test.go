package many

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// unevenness is by how much the number of polls of healthy syncs may differ: their repositories are reached in different ways.
const unevenness = 10

// script writes an executable shell script.
func (w *world) script(name, text string) string {
	path := w.path(name)
	harness.Executable(w.t, path, "#!/bin/sh\n"+text+"\n")
	return path
}

// broken are ten syncs, each with a fault of its own. Those that heal return to work when heal is called.
func (w *world) broken() (names []string, damage, heal func()) {
	var heals []func()
	server := func(name string, rule gitserver.Rule, extra ...string) {
		u := &upstream{Repo: gitserver.NewRepo(w.t), extra: extra}
		s := gitserver.HTTP(w.t, u.Repo)
		u.url = s.RepoURL(u.Repo)
		u.push(name)
		if rule.Do != nil {
			s.Fail(rule)
			heals = append(heals, s.Heal)
		}
		w.all[name] = u
		names = append(names, name)
	}
	server("silent", gitserver.Rule{Do: gitserver.Silence()})
	server("error-500", gitserver.Rule{Do: gitserver.Status(500)})
	server("trickle", gitserver.Rule{Do: gitserver.Trickle(100e6)})
	server("refused", gitserver.Rule{Do: gitserver.Status(403)})
	server("cut", gitserver.Rule{On: gitserver.Fetch, Do: gitserver.CutAtPercent(50)})
	forever := w.script("forever", "exec sleep infinity")
	server("hook-hangs", gitserver.Rule{}, "exechook-command: "+forever, "exechook-timeout: 1h")
	server("gate-hangs", gitserver.Rule{}, "pre-publish-exechook-command: "+forever, "pre-publish-exechook-timeout: 1h")
	server("ref-gone", gitserver.Rule{}, "ref: nonexistent")
	server("corrupt", gitserver.Rule{})
	server("full", gitserver.Rule{})
	heals = append(heals, func() { w.all["ref-gone"].BranchAt("nonexistent", "main") })
	full := w.root("full").Dir
	must(w.t, os.MkdirAll(full, 0o755))
	if err := syscall.Mount("none", full, "tmpfs", 0, "size=64k"); err != nil {
		w.t.Logf("no full disk: mounting one: %v", err)
	} else {
		w.t.Cleanup(func() { _ = syscall.Unmount(full, syscall.MNT_DETACH) })
		heals = append(heals, func() { must(w.t, syscall.Mount("none", full, "tmpfs", syscall.MS_REMOUNT, "size=16m")) })
	}
	// A server that accepts connections and never says anything, in place of ssh.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.t, err)
	w.t.Cleanup(func() { l.Close() })
	w.all["ssh-silent"] = &upstream{
		url: "ssh://" + w.ssh.User + "@" + l.Addr().String() + "/r", extra: []string{"ssh-key-file: " + w.key, "ssh-known-hosts: false"},
	}
	names = append(names, "ssh-silent")
	damage = func() { // of the store of one that works
		packs, err := filepath.Glob(filepath.Join(w.root("corrupt").Store(), "objects", "pack", "*.pack"))
		must(w.t, err)
		loose, err := filepath.Glob(filepath.Join(w.root("corrupt").Store(), "objects", "??", "*"))
		must(w.t, err)
		for _, name := range slices.Concat(packs, loose) {
			must(w.t, os.Chmod(name, 0o644))
			must(w.t, os.WriteFile(name, []byte("damaged"), 0o644))
		}
	}
	return names, damage, func() {
		for _, heal := range heals {
			heal()
		}
	}
}

// TestFaults: syncs that hang, fail and hold their slots do not keep the others from publishing each push, nor some of them
// from their turn.
func TestFaults(t *testing.T) {
	w := newWorld(t, "--max-concurrent-syncs=4", "--sync-timeout=20s")
	broken, damage, heal := w.broken()
	var healthy []string
	for i := range sized(40, 6) {
		name := fmt.Sprintf("healthy%d", i)
		w.add(name)
		healthy = append(healthy, name)
	}
	names := slices.Concat(broken, healthy)
	w.writes(names)
	w.start()
	w.shows(healthy)
	w.shows([]string{"corrupt"})
	damage()
	before := w.metrics(`git_sync_count_total{status="noop"`)
	for round := range sized(5, 2) {
		for _, name := range append(healthy, "corrupt") {
			w.all[name].push(fmt.Sprintf("%s %d", name, round+1))
		}
		w.shows(healthy)
	}
	w.shows([]string{"corrupt"}) // healed
	// Each healthy sync continues to poll, about as often as any other.
	polls := map[string]float64{}
	w.Until("polls of each healthy sync", func() bool {
		now := w.metrics(`git_sync_count_total{status="noop"`)
		least := 1e9
		for _, name := range healthy {
			polls[name] = now[name] - before[name]
			least = min(least, polls[name])
		}
		return least >= 5
	})
	counts := slices.Sorted(maps.Values(polls))
	t.Logf("polls of the healthy: from %v to %v", counts[0], counts[len(counts)-1])
	if counts[len(counts)-1] > unevenness*counts[0] {
		t.Errorf("some polled %v times, others %v times", counts[0], counts[len(counts)-1])
	}
	for _, name := range healthy {
		if code, body := harness.Get(w.url + "/readyz/" + name); code != 200 {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	failures := w.metrics("git_sync_consecutive_failures")
	for _, name := range broken {
		if ok := failures[name] == 0; ok != slices.Contains([]string{"hook-hangs", "corrupt", "full"}, name) && name != "full" {
			t.Errorf("%s has failed %v times in a row", name, failures[name])
		}
	}
	heal()
	w.shows([]string{"silent", "error-500", "trickle", "refused", "cut", "ref-gone", "full"})
	w.Stop()
	w.Exits(0)
}
