package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	server    *gitserver.Server // http only
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
		u.server = gitserver.HTTP(b, u.Repo)
		u.url = u.server.RepoURL(u.Repo)
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
		{"idle poll, persistent", b.idle("persistent"), 0, 0.05},
		{"update, 1 file", b.update(1), 0, 0},
		{"update, 1 %", b.update(max(1, size/100)), 0, 0},
		{"update, all files", b.update(size), 0, 0},
	} {
		if b.only.MatchString(s.name) && (s.name != "idle poll, persistent" || transport == "http") {
			r := &row{Transport: transport, Size: size, What: s.name, Plain: "plain git", WallBudget: s.wall, CPUBudget: s.cpu}
			s.do(u, r)
			b.table.add(os.Stdout, r)
		}
	}
}

// coldBudget is by how much a first sync may exceed git clone.
func coldBudget(size int) float64 {
	if size >= 10000 {
		return 1.05
	}
	return 1.25
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

// cold compares a first sync with git clone.
func (b *bench) cold(u *upstream, r *row) {
	r.Plain = "git clone --depth 1 --single-branch"
	for range b.times(u.size) {
		dir := b.TempDir()
		ours := b.command(dir, b.binary, "--repo="+u.url, "--ref=main", "--depth=1", "--root="+filepath.Join(dir, "root"), "--dest=link", "--one-time")
		b.discard(dir)
		dir = b.TempDir()
		plain := b.command(dir, "git", "clone", "--quiet", "--depth=1", "--single-branch", "--branch=main", u.url, "clone")
		b.discard(dir)
		r.round(ours, plain)
	}
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
		polls := 50
		if how == "persistent" {
			polls = 500 // their cost is near the clock's resolution
		}
		for range b.times(100) / 2 {
			addr := b.freeAddress()
			s := b.sidecar(u.url, "--period=10ms", "--poll="+how, "--http-bind="+addr, "--http-metrics")
			first, before := s.polls(addr), s.cpu()
			b.until("polls", func() bool { return s.polls(addr) >= first+polls || b.paused() })
			ours := sample{cpu: (s.cpu() - before) / time.Duration(s.polls(addr)-first)}
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

// paused lets some time pass between two looks that cost something themselves.
func (b *bench) paused() bool {
	select {
	case <-time.After(500 * time.Millisecond):
	case <-b.ctx.Done():
		b.Fatalf("interrupted")
	}
	return false
}

// update compares an update with a fetch and a new worktree; the rows that follow take it apart.
func (b *bench) update(files int) func(*upstream, *row) {
	return func(u *upstream, r *row) {
		r.Plain = "git fetch, git worktree add, link"
		b.plainRoot(u)
		plain := filepath.Join(b.home, "plain")
		old := ""
		s := b.sidecar(u.url, "--period=1h", "--sync-on-signal=SIGHUP")
		s.settle()
		publish := &row{Transport: u.transport, Size: u.size, What: r.What + ", from fetched to published", Plain: "git worktree add"}
		clean := &row{Transport: u.transport, Size: u.size, What: r.What + ", clean-up", Plain: "git worktree remove, gc"}
		publish.WallBudget, publish.CPUBudget = updateBudget(u.size, files)
		for i := range b.times(u.size) + 2 {
			hash := u.change(files)
			if u.server != nil {
				u.server.Reset()
			}
			began := time.Now()
			ours, flip := s.update(hash)
			fetched := b.fetched(u, began)

			fetch := b.command(plain, "git", "fetch", "--quiet", "--depth=1", u.url, "main")
			tree := "rev-" + hash
			add := b.command(plain, "git", "worktree", "add", "--quiet", "--detach", tree, "FETCH_HEAD")
			b.check(os.Symlink(tree, filepath.Join(plain, "tmp")))
			b.check(os.Rename(filepath.Join(plain, "tmp"), filepath.Join(plain, "link")))
			var remove sample
			if old != "" {
				remove = b.command(plain, "git", "worktree", "remove", "--force", old)
			}
			remove = remove.plus(b.command(plain, "git", "gc", "--quiet", "--prune=now"))
			old = tree
			syscall.Sync()
			if i < 2 {
				continue // the first updates have nothing to recycle, or to remove
			}
			r.round(ours, fetch.plus(add))
			if u.server != nil {
				publish.round(sample{ours.wall - fetched, max(0, flip-fetch.cpu)}, add)
			}
			clean.round(sample{cpu: ours.cpu - flip}, sample{cpu: remove.cpu})
		}
		b.table.memory("after updates", s)
		b.table.disk(u, b.diskUse(s.root), b.diskUse(filepath.Join(plain, old)))
		s.stop()
		b.discard(s.root, plain)
		b.table.later(publish, clean)
	}
}

// updateBudget is the wall and CPU of an update, from fetched to published, in worktrees added.
func updateBudget(size, files int) (wall, cpu float64) {
	switch {
	case files == size && size > 1:
		return 1.1, 0
	case size < 100000:
		return 1, 0
	case files == 1:
		return 0.2, 0.15
	default:
		return 0.35, 0
	}
}

// fetched is how long after began the last answer to a fetch had been sent.
func (b *bench) fetched(u *upstream, began time.Time) time.Duration {
	if u.server == nil {
		return 0
	}
	for _, q := range slices.Backward(u.server.Log()) {
		if q.Kind == gitserver.Fetch {
			return q.End.Sub(began)
		}
	}
	b.Fatalf("an update without a fetch")
	return 0
}

// plainRoot makes the repository that plain git updates.
func (b *bench) plainRoot(u *upstream) {
	b.command(b.home, "git", "init", "--quiet", "--initial-branch=none", "plain")
	dir := filepath.Join(b.home, "plain")
	b.command(dir, "git", "fetch", "--quiet", "--depth=1", u.url, "main")
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
