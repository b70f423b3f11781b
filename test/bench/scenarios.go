package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"git-sync/test/gitserver"
)

// bench measures; it is also the gitserver.TB of the upstreams that it measures against.
type bench struct {
	settings
	ctx      context.Context
	home     string
	table    table
	cleanups []func()
}

// upstream is the repository of one size, reached by one transport.
type upstream struct {
	*gitserver.Repo
	url       string
	transport string
	size      int
	version   int
}

// change pushes another version of so many files.
func (u *upstream) change(files int) string {
	u.version++
	return u.BigChange(files, fmt.Sprintf("v%d", u.version))
}

// measure measures everything for one size and transport.
func (b *bench) measure(transport string, size int) {
	defer b.close()
	b.home = b.TempDir()
	u := &upstream{Repo: gitserver.NewRepo(b), transport: transport, size: size, version: 1}
	u.BigTree(size)
	switch transport {
	case "file":
		u.url = u.FileURL()
	case "http":
		u.url = gitserver.HTTP(b, u.Repo).RepoURL(u.Repo)
	default:
		b.Fatalf("unknown transport %q", transport)
	}
	for _, s := range []struct {
		name string
		do   func(*upstream, *row)
		wall float64
		cpu  float64
	}{
		{"first sync", b.cold, coldBudget(size), 0},
		{"restart", b.restart, 0, 0},
		{"idle poll", b.idle("plain"), 0, 1.3},
		{"idle poll, persistent", b.idle("persistent"), 0, 0.10},
		{"many repositories", b.many, 0, 1.1},
		{"update, 1 file", b.update(1), 0, 0},
		{"update, 1 %", b.update(max(1, size/100)), 0, 0},
		{"update, all files", b.update(size), 0, 0},
		{"first sync in 96 MiB", b.limited, 1.1, 0},
		{"first sync in 96 MiB, one file of 300 MB", b.limitedBigFile, 1.1, 0},
		{"first sync, settings for memory", b.memorySettings, 1.1, 0},
		{"update in 96 MiB, 1 file", b.limitedUpdate, 1.1, 0},
		{"publish a directory, 1 file", b.published("directory", 1), 0, 0},
		{"publish in place, 1 file", b.published("in-place", 1), 1.5, 1.5},
	} {
		if b.only.MatchString(s.name) && measured(s.name, transport, size) {
			r := &row{Transport: transport, Size: size, What: s.name, Plain: "plain git", WallBudget: s.wall, CPUBudget: s.cpu}
			s.do(u, r)
			b.table.add(os.Stdout, r)
		}
	}
}

// measured reports whether a row is measured for a transport and size: not where it would say the same again.
func measured(name, transport string, size int) bool {
	switch name {
	case "idle poll, persistent":
		return transport == "http"
	case "many repositories":
		return transport == "file" && size == 100
	case "first sync in 96 MiB, one file of 300 MB":
		return transport == "http" && size == 100
	default:
		return true
	}
}

// coldBudget is by how much a first sync may exceed git clone.
func coldBudget(size int) float64 {
	if size >= 10000 {
		return 1.05
	}
	return 1.40
}

// times is how often to repeat something for a tree of that size.
func (b *bench) times(size int) int {
	switch {
	case b.rounds > 0:
		return b.rounds
	case size >= 100000:
		return 3
	case size >= 10000:
		return 5
	default:
		return 9
	}
}

// cold compares a first sync with git clone. Each begins when the disk has come to rest after the other, and who does so first
// in a round changes from round to round: what is left of the other's traces then favours neither.
func (b *bench) cold(u *upstream, r *row) {
	r.Plain = "git clone --depth 1 --single-branch"
	ours := func() sample {
		return b.afresh(func(dir string) sample {
			return b.command(dir, b.binary, "--repo="+u.url, "--ref=main", "--depth=1", "--root="+filepath.Join(dir, "root"), "--dest=link", "--one-time")
		})
	}
	plain := func() sample {
		return b.afresh(func(dir string) sample {
			return b.command(dir, "git", "clone", "--quiet", "--depth=1", "--single-branch", "--branch=main", u.url, "clone")
		})
	}
	for i := range b.times(u.size) {
		r.round(inTurns(i, ours, plain))
	}
}

// inTurns does both; in every other round the second comes first.
func inTurns(round int, ours, plain func() sample) (o, p sample) {
	if round%2 == 1 {
		p = plain()
		return ours(), p
	}
	o = ours()
	return o, plain()
}

// afresh does something in a new directory, which it removes afterwards.
func (b *bench) afresh(do func(dir string) sample) sample {
	dir := b.TempDir()
	defer b.discard(dir)
	return do(dir)
}

// restart compares a start on an intact root, which asks the remote once, with asking once.
func (b *bench) restart(u *upstream, r *row) {
	r.Plain = "git ls-remote"
	dir := b.TempDir()
	args := []string{"--repo=" + u.url, "--ref=main", "--depth=1", "--root=" + filepath.Join(dir, "root"), "--dest=link", "--one-time"}
	b.command(dir, b.binary, args...)
	for range b.times(100) {
		r.round(b.command(dir, b.binary, args...), b.command(dir, "git", "ls-remote", u.url, "refs/heads/main"))
	}
	b.discard(dir)
}

// idle compares the polls of a sidecar with git ls-remote; memory is looked at in passing.
func (b *bench) idle(how string) func(*upstream, *row) {
	return func(u *upstream, r *row) {
		r.Plain = "git ls-remote"
		// A hundred polls and more: for fewer, the ticks in which the CPU of ended children comes would show.
		window := 3 * time.Second
		if how == "persistent" {
			window = 5 * time.Second // of polls that cost little
		}
		for range b.times(100) / 2 {
			addr := b.freeAddress()
			s := b.sidecar(u.url, "--period=10ms", "--poll="+how, "--http-bind="+addr, "--http-metrics")
			ours := sample{cpu: s.pollCPU(addr, window)}
			for range 10 {
				b.pause(100 * time.Millisecond)
				s.polls(addr) // somebody will collect the metrics, and that takes memory
			}
			b.table.memory("polling ("+how+"), with metrics", s)
			s.stop()
			var plain sample
			for range 20 {
				plain = plain.plus(b.command(b.home, "git", "ls-remote", u.url, "refs/heads/main"))
			}
			r.round(ours, sample{cpu: plain.cpu / 20})
			b.discard(s.root)
		}
	}
}

// pollCPU is what a poll costs on the average. The metrics that tell the number of polls are read before and afterwards only:
// to read them costs as much as several persistent polls.
func (s *sidecar) pollCPU(addr string, window time.Duration) time.Duration {
	first := s.polls(addr)
	before := s.cpu().total()
	s.b.pause(window)
	used := s.cpu().total() - before
	n := s.polls(addr) - first
	if n < 1 {
		s.b.Fatalf("no polls (see %s)", s.log)
	}
	return used / time.Duration(n)
}

func (b *bench) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-b.ctx.Done():
		b.Fatalf("interrupted")
	}
}

// discard removes what is no longer needed and waits for the disk, so that it does not disturb the next measurement.
func (b *bench) discard(dirs ...string) {
	for _, d := range dirs {
		if !strings.Contains(d, "git-sync-bench-") {
			b.Fatalf("will not remove %s", d)
		}
		b.check(os.RemoveAll(d))
	}
	syscall.Sync()
}
