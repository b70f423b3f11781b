package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"time"
)

// directoryGrace is a little more than the time after which a replaced directory is used again.
const directoryGrace = 6 * time.Second

// published compares an update that is published in one of the other ways with one that is published by a link.
func (b *bench) published(kind string, files int) func(*upstream, *row) {
	return func(u *upstream, r *row) {
		r.Plain = "git-sync --publish=link"
		ours, link := b.updated(u.url, "--publish="+kind), b.updated(u.url)
		grace := time.Duration(0)
		if kind == "directory" {
			grace = directoryGrace
		}
		b.updates(u, r, files, ours, link, grace)
		b.table.memory("after updates, --publish="+kind, ours)
		b.table.note("disk after updates, --publish=%s, %s, %d files: %.2f of --publish=link", kind, u.transport, u.size, float64(b.diskUse(ours.root))/float64(b.diskUse(link.root)))
		b.end(ours, link)
	}
}

// updated starts a sidecar that syncs on a signal.
func (b *bench) updated(url string, args ...string) *sidecar {
	return b.sidecar(url, append(args, "--period=1h", "--sync-on-signal=SIGHUP", "--log-format=json")...)
}

// updates compares the updates of two sidecars that follow the same upstream and take turns. Both times end when the log says
// that the revision is published; the CPU ends when all is quiet, so that it includes the clean-up. They pause before each update.
func (b *bench) updates(u *upstream, r *row, files int, ours, plain *sidecar, pause time.Duration) {
	for i := range b.times(u.size) + 2 {
		time.Sleep(pause)
		hash := u.change(files)
		o, p := inTurns(i, func() sample { return ours.publishes(hash) }, func() sample { return plain.publishes(hash) })
		if i >= 2 { // the first updates have nothing to recycle
			r.round(o, p)
		}
	}
}

// end stops sidecars and removes their roots.
func (b *bench) end(all ...*sidecar) {
	for _, s := range all {
		s.stop()
		b.discard(s.root)
	}
}

// publishes makes the sidecar sync to hash and returns when all is quiet again.
func (s *sidecar) publishes(hash string) sample {
	syscall.Sync()
	s.settle()
	before, began := s.cpu(), time.Now()
	s.b.check(s.cmd.Process.Signal(syscall.SIGHUP))
	var at time.Time
	s.b.until("the publication of "+hash+" (see "+s.log+")", func() bool {
		at = s.publishedAt(hash)
		return !at.IsZero()
	})
	s.settle()
	return sample{at.Sub(began), s.cpu().total() - before.total()}
}

// publishedAt is when the log says that hash was published; zero if it does not yet.
func (s *sidecar) publishedAt(hash string) time.Time {
	text, err := os.ReadFile(s.log)
	s.b.check(err)
	for line := range bytes.Lines(text[s.read:]) {
		var entry struct {
			TS        time.Time
			Msg, Hash string
		}
		if json.Unmarshal(line, &entry) == nil && strings.HasPrefix(entry.Msg, "published") && entry.Hash == hash {
			s.read += bytes.Index(text[s.read:], line) + len(line)
			return entry.TS
		}
	}
	return time.Time{}
}
