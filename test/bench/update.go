package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// update compares an update with a fetch and a new worktree; the rows that follow take it apart.
func (b *bench) update(files int) func(*upstream, *row) {
	return func(u *upstream, r *row) {
		r.Plain = "git fetch, git worktree add, link"
		p := b.plainRoot(u)
		s := b.sidecar(u.url, "--period=1h", "--sync-on-signal=SIGHUP", "--log-format=json", "-v=6")
		s.settle()
		publish := &row{Transport: u.transport, Size: u.size, What: r.What + ", from fetched to published", Plain: "git worktree add"}
		clean := &row{Transport: u.transport, Size: u.size, What: r.What + ", clean-up", Plain: "git worktree remove, gc"}
		publish.WallBudget, publish.CPUBudget = updateBudget(u.size, files)
		for i := range b.times(u.size) + 2 {
			hash := u.change(files)
			ours, plain := s.update(hash), p.update(u.url, hash)
			syscall.Sync()
			if i < 2 {
				continue // the first updates have nothing to recycle, or to remove
			}
			r.round(ours.all, plain.fetch.plus(plain.add))
			publish.round(ours.publish, plain.add)
			clean.round(sample{cpu: ours.clean}, sample{cpu: plain.remove.cpu})
		}
		b.table.memory("after updates", s)
		b.table.disk(u, b.diskUse(s.root), b.diskUse(filepath.Join(p.dir, p.tree)))
		if d, ok := s.unlogged(); ok {
			b.table.note("%s, %d files, %s: %v of CPU by children is not in git-sync's log, so it is not in the table", u.transport, u.size, r.What, d)
		}
		s.stop()
		b.discard(s.root, p.dir)
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

// phases are the parts of one update by git-sync.
type phases struct {
	all     sample        // wall from the trigger to the flip of the link; CPU from the trigger until all is quiet
	publish sample        // from the end of its git fetch to the flip
	clean   time.Duration // CPU from the flip until all is quiet
}

// update tells the sidecar to sync to hash, and waits until it has, and until all is quiet again.
func (s *sidecar) update(hash string) phases {
	s.ended() // what belongs to earlier updates
	w := s.watch()
	defer w.Close()
	m := moments{before: s.cpu()}
	m.began = time.Now()
	s.b.check(s.cmd.Process.Signal(syscall.SIGHUP))
	m.flip = s.flipped(w, "rev-"+hash)
	m.atFlip = s.cpu()
	s.settle()
	m.after = s.cpu()
	p, err := m.phases(s.ended())
	s.b.check(err)
	return p
}

// watch begins to watch the directory of the published link. The link's ctime would not do: the kernel's clock for it may be
// a timer interrupt, 4 or 10 ms, behind.
func (s *sidecar) watch() *os.File {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	s.b.check(err)
	w := os.NewFile(uintptr(fd), "inotify")
	_, err = unix.InotifyAddWatch(fd, filepath.Dir(s.link), unix.IN_MOVED_TO)
	s.b.check(err)
	return w
}

// flipped blocks until the published link leads to target, and tells when it was replaced, some microseconds late.
func (s *sidecar) flipped(w *os.File, target string) time.Time {
	defer context.AfterFunc(s.b.ctx, func() { w.Close() })()
	s.b.check(w.SetReadDeadline(time.Now().Add(10 * time.Minute)))
	name := []byte(filepath.Base(s.link) + "\x00") // trees come by rename too, but the name of none ends like that
	events := make([]byte, 4096)
	for {
		n, err := w.Read(events)
		now := time.Now()
		if err != nil {
			s.b.Fatalf("waiting until the link leads to %s (see %s): %v", target, s.log, err)
		}
		if got, _ := os.Readlink(s.link); got == target && bytes.Contains(events[:n], name) {
			return now
		}
	}
}

// moments are when an update began and was published, and the CPU used before, at its publication, and when all was quiet.
type moments struct {
	began, flip           time.Time
	before, atFlip, after usage
}

// phases takes an update apart. In /proc the CPU of ended children has a resolution of 10 ms, as much as all of them take
// for a small tree; so theirs is taken from the log, which has it from wait4(2) to the microsecond, as has that of plain git.
// The time of running processes is exact anyhow. Between fetched and published count the git commands that ended then, and
// all that the sidecar itself has used since the trigger: what it did before the fetch cannot be told from what came after.
func (m moments) phases(runs []gitRun) (phases, error) {
	p := phases{
		all:     sample{m.flip.Sub(m.began), m.after.own + m.after.live - m.before.own - m.before.live},
		publish: sample{cpu: m.atFlip.own - m.before.own},
		clean:   m.after.own + m.after.live - m.atFlip.own - m.atFlip.live,
	}
	var fetched time.Time
	for _, r := range runs {
		if r.Op == "fetch" && !r.TS.After(m.flip) {
			fetched = r.TS
		}
	}
	if fetched.IsZero() {
		return p, errors.New("an update without a fetch in its log")
	}
	p.publish.wall = m.flip.Sub(fetched)
	for _, r := range runs {
		p.all.cpu += r.cpu
		switch {
		case r.TS.After(m.flip):
			p.clean += r.cpu
		case r.TS.After(fetched):
			p.publish.cpu += r.cpu
		}
	}
	return p, nil
}

// gitRun is one of the sidecar's git commands that has ended, in the words of its log.
type gitRun struct {
	TS           time.Time
	Msg, Op, CPU string
	cpu          time.Duration
}

// ended reads from the log which git commands have ended since the last call.
func (s *sidecar) ended() []gitRun {
	text, err := os.ReadFile(s.log)
	s.b.check(err)
	end := bytes.LastIndexByte(text, '\n') + 1
	runs, err := gitRuns(text[s.read:end])
	s.b.check(err)
	s.read = end
	for _, r := range runs {
		s.logged += r.cpu
	}
	return runs
}

// gitRuns finds the lines of a log that tell of the end of a git command; they are there from -v 6 on.
func gitRuns(log []byte) (runs []gitRun, err error) {
	for line := range bytes.Lines(log) {
		var r gitRun
		if json.Unmarshal(line, &r) != nil || r.Msg != "git ended" {
			continue // what the runtime says of a crash is no JSON
		}
		if r.cpu, err = time.ParseDuration(r.CPU); err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// unlogged compares the log with the kernel, and tells how much CPU of ended children the log has left out, if it has:
// figures that are taken from what a program says of itself need that. The kernel's may be two ticks behind.
func (s *sidecar) unlogged() (time.Duration, bool) {
	s.ended()
	d := s.cpu().ended - s.logged
	return d, d > time.Millisecond || d < -21*time.Millisecond
}

// plainRoot is the repository that plain git updates.
type plainRoot struct {
	b    *bench
	dir  string
	tree string // its worktree; empty before the first update
}

func (b *bench) plainRoot(u *upstream) *plainRoot {
	p := &plainRoot{b: b, dir: filepath.Join(b.home, "plain")}
	b.command(b.home, "git", "init", "--quiet", "--initial-branch=none", "plain")
	b.command(p.dir, "git", "fetch", "--quiet", "--depth=1", u.url, "main")
	return p
}

// plainUpdate are the parts of one update by plain git.
type plainUpdate struct{ fetch, add, remove sample }

func (p *plainRoot) update(url, hash string) plainUpdate {
	tree := "rev-" + hash
	var did plainUpdate
	did.fetch = p.b.command(p.dir, "git", "fetch", "--quiet", "--depth=1", url, "main")
	did.add = p.b.command(p.dir, "git", "worktree", "add", "--quiet", "--detach", tree, "FETCH_HEAD")
	p.b.check(os.Symlink(tree, filepath.Join(p.dir, "tmp")))
	p.b.check(os.Rename(filepath.Join(p.dir, "tmp"), filepath.Join(p.dir, "link")))
	if p.tree != "" {
		did.remove = p.b.command(p.dir, "git", "worktree", "remove", "--force", p.tree)
	}
	did.remove = did.remove.plus(p.b.command(p.dir, "git", "gc", "--quiet", "--prune=now"))
	p.tree = tree
	return did
}
