package faults

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// enduranceVar is how many updates TestEndurance makes.
const enduranceVar = "GITSYNC_ENDURANCE"

// sample is what a running git-sync takes up, once it has come to rest.
type sample struct {
	updates               int
	tree, store, disk     int64 // bytes on disk: the published tree, the store, all of the root
	descriptors, routines int
	resident              int64 // bytes
	processes             int   // besides itself
}

func (s sample) row() string {
	return fmt.Sprintf("%8d %10d %10d %10d %6.2f %12d %11d %13.1f %10d", s.updates, s.tree>>10, s.store>>10, s.disk>>10,
		float64(s.disk)/float64(s.tree), s.descriptors, s.routines, float64(s.resident)/(1<<20), s.processes)
}

const heading = " updates   tree KiB  store KiB   disk KiB  trees  descriptors  goroutines  resident MiB  processes"

// TestEndurance makes many updates of all kinds on one root, and looks from time to time whether something grows. Once they
// come one upon the other, too fast for recycling; and once each waits until the tree before the last becomes the spare.
func TestEndurance(t *testing.T) {
	updates := 20
	if harness.Full() {
		updates = 40
	}
	if s := os.Getenv(enduranceVar); s != "" {
		n, err := strconv.Atoi(s)
		must(t, err)
		updates = n
	}
	t.Run("auto", func(t *testing.T) { endure(t, max(updates/2, 10), func(*program) {}, "--checkout=auto") })
	t.Run("recycle", func(t *testing.T) {
		p := endure(t, updates, (*program).tidied, "--checkout=recycle")
		// Attributes and submodules that change allow for six in ten.
		if n := p.recycled(); 2*n < updates {
			t.Errorf("%d of %d trees were recycled", n, updates)
		}
	})
}

// tidied waits until the replaced trees are out of the root.
func (p *program) tidied() {
	p.t.Helper()
	p.Until("one tree in the root", func() bool { return len(p.Trees()) == 1 })
}

// endure makes updates, and does something after each.
func endure(t *testing.T, updates int, after func(*program), checkout string) *program {
	h := newHistory(t)
	address := harness.FreeAddress(t)
	first := h.next()
	p := start(t, h.up.FileURL(), "--period=20ms", "--git-config=protocol.file.allow:always", "--http-bind="+address, "--http-pprof", checkout, "-v=1")
	p.publishes(first)

	var samples []sample
	for n := 1; n <= updates; n++ {
		hash := h.next()
		p.publishes(hash)
		after(p)
		if n%max(1, updates/10) != 0 {
			continue
		}
		p.same(h.up.Export(hash))
		s := p.measure(address)
		s.updates = n
		samples = append(samples, s)
		if s.disk > 3*s.tree {
			t.Errorf("after %d updates the root takes %d KiB, more than three trees of %d KiB", n, s.disk>>10, s.tree>>10)
		}
	}
	say("updates, %s, %d trees recycled:\n%s", checkout, p.recycled(), heading)
	for _, s := range samples {
		say("%s", s.row())
	}
	flat(t, samples)
	return p
}

// flat compares the end with the time when everything had been used once.
func flat(t *testing.T, samples []sample) {
	t.Helper()
	early, last := samples[min(2, len(samples)-1)], samples[len(samples)-1]
	if last.descriptors > early.descriptors+3 || last.routines > early.routines+5 || last.processes > early.processes {
		t.Errorf("something grows:\n%s\n%s\n%s", heading, early.row(), last.row())
	}
	if last.resident > early.resident*3/2+4<<20 {
		t.Errorf("memory grows from %d to %d KiB", early.resident>>10, last.resident>>10)
	}
}

// same compares the published tree with a plain checkout, submodules aside.
func (p *program) same(dir string) {
	p.t.Helper()
	want, got := listing(p.t, dir), listing(p.t, p.Link+"/.")
	for name := range want {
		if got[name] != want[name] {
			p.t.Errorf("%s is %.80q, want %.80q", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			p.t.Errorf("%s is there, and not in the commit", name)
		}
	}
}

func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		switch {
		case d.Name() == ".git", strings.HasPrefix(rel, "module"):
			return nil
		case d.Type() == fs.ModeSymlink:
			all[rel], err = os.Readlink(name)
		case d.IsDir():
			all[rel] = "directory"
		default:
			var data []byte
			data, err = os.ReadFile(name)
			info, ierr := d.Info()
			if ierr != nil {
				return ierr
			}
			all[rel] = fmt.Sprintf("%t %s", info.Mode()&0o100 != 0, data)
		}
		return err
	}))
	return all
}

// measure waits until the clean-up is done, and measures.
func (p *program) measure(address string) sample {
	p.t.Helper()
	var s sample
	p.Until("the end of the clean-up", func() bool { return len(p.Trees()) == 1 && len(p.Trash()) == 0 })
	pid := fmt.Sprint(p.PID())
	s.resident = resident(p.t, pid)
	// Polls come and go, with their processes, pipes and goroutines: the least that is seen is what stays.
	s.processes, s.descriptors, s.routines = 1<<20, 1<<20, 1<<20
	for looks := 0; looks < 20 || s.processes > 0; looks++ {
		fds, err := os.ReadDir("/proc/" + pid + "/fd")
		must(p.t, err)
		s.descriptors = min(s.descriptors, len(fds))
		s.processes = min(s.processes, len(p.Family())-1)
		s.routines = min(s.routines, goroutines(p.t, address))
		if looks > 2000 {
			p.t.Fatalf("git never ends: %v", p.Family())
		}
	}
	s.tree, s.store, s.disk = usage(p.t, p.Link+"/."), usage(p.t, p.Store()), usage(p.t, p.Dir)
	return s
}

func resident(t *testing.T, pid string) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/" + pid + "/status")
	must(t, err)
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			must(t, err)
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// goroutines asks the profile: "goroutine profile: total 12".
func goroutines(t *testing.T, address string) int {
	t.Helper()
	_, body := harness.Get("http://" + address + "/debug/pprof/goroutine?debug=1")
	line, _, _ := strings.Cut(body, "\n")
	fields := strings.Fields(line)
	n, err := strconv.Atoi(fields[len(fields)-1])
	must(t, err)
	return n
}

// usage is what a directory takes up on disk. Files may come and go.
func usage(t *testing.T, dir string) int64 {
	t.Helper()
	var sum int64
	seen := map[uint64]bool{}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, _ error) error {
		if d == nil {
			return nil
		}
		var stat syscall.Stat_t
		if syscall.Lstat(name, &stat) == nil && !seen[stat.Ino] {
			seen[stat.Ino] = true
			sum += stat.Blocks * 512
		}
		return nil
	})
	return sum
}

// history pushes revisions of all kinds, the same ones every time.
type history struct {
	up, module *gitserver.Repo
	rng        *rand.Rand
	n          int
	at         string // where the submodule is
	dir        string // the name of a directory that is renamed
}

func newHistory(t *testing.T) *history {
	root := t.TempDir()
	h := &history{
		up:     gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root}),
		module: gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root, Name: "module.git"}),
		rng:    rand.New(rand.NewPCG(1, 6)), at: "module0", dir: "dir0",
	}
	h.up.BigTree(700)
	h.module.Commit(map[string]string{"m": "1"})
	return h
}

// next makes a revision and returns its hash.
func (h *history) next() string {
	h.n++
	c := gitserver.Change{Files: map[string]string{"n": fmt.Sprint(h.n)}}
	switch h.n % 10 {
	case 1: // a directory comes, with everything that can be in one
		for i := range 30 {
			c.Files[fmt.Sprintf("%s/%d/f", h.dir, i)] = fmt.Sprint(h.n, i)
		}
		c.Symlinks = map[string]string{h.dir + "/link": "../n", h.dir + "/dangling": "nowhere"}
		c.Execs = map[string]string{h.dir + "/run": "#!/bin/sh\n"}
	case 2: // it is renamed
		c.Delete = []string{h.dir}
		h.dir = fmt.Sprintf("dir%d", h.n)
		for i := range 30 {
			c.Files[fmt.Sprintf("%s/%d/f", h.dir, i)] = fmt.Sprint(h.n-1, i)
		}
	case 3: // modes change, and types
		c.Delete = []string{h.dir + "/0", h.dir + "/1"}
		c.Files[h.dir+"/0"] = "a file now"
		c.Symlinks = map[string]string{h.dir + "/1": "2"}
		c.Execs = map[string]string{h.dir + "/3/f": "executable now"}
	case 4: // it goes
		c.Delete = []string{h.dir}
	case 5: // much changes
		for i := range 200 {
			c.Files[gitserver.BigPath(h.rng.IntN(700))] = fmt.Sprint(h.n, i)
		}
	case 6: // a big file, which does not compress
		b := make([]byte, 300<<10)
		for i := range b {
			b[i] = byte(h.rng.Uint32())
		}
		c.Files["big"] = string(b)
	case 7:
		c.Files[".gitattributes"] = fmt.Sprintf("*.txt text eol=%s\n", []string{"lf", "crlf"}[h.n/10%2])
	case 8: // a submodule comes, moves, or changes
		commit := h.module.Commit(map[string]string{"m": fmt.Sprint(h.n)})
		c.Delete = []string{h.at}
		h.at = fmt.Sprintf("module%d", h.n)
		c.Files[".gitmodules"] = fmt.Sprintf("[submodule \"m\"]\n\tpath = %s\n\turl = ../module.git\n", h.at)
		c.Gitlinks = map[string]string{h.at: commit}
	case 9: // and goes
		c.Delete = []string{h.at, ".gitmodules"}
	}
	return h.up.Apply(c)
}
