package repo

import (
	"os"
	"time"
)

// outSince is when a tree that is not published went out of publication, or
// later.
func (r *Repo) outSince(rel string) (time.Time, error) {
	since, known := r.retired[rel]
	if known {
		return since, nil
	}
	if rec, ok := r.recordOf(rel); ok {
		since = rec.Retired
	}
	if since.IsZero() {
		since = r.flipped() // it was replaced then, or before
	}
	if now := r.opts.Now(); since.After(now) {
		since = now // the clock was set back
	}
	return since, r.noteOut(rel, since)
}

// noteOut notes when a tree went out of publication, here and in its record,
// by which it is known after a restart, and when the tree has been set aside.
func (r *Repo) noteOut(rel string, at time.Time) error {
	r.retired[rel] = at
	rec, ok := r.recordOf(rel)
	if !ok || rec.Retired.Equal(at) {
		return nil
	}
	rec.Retired = at
	r.records[rec.id] = rec
	return saveRecord(r.store, rec)
}

// noteIn forgets when a tree went out of publication, before it is published
// again: what is written of it must never be too early.
func (r *Repo) noteIn(t Tree) error {
	delete(r.retired, t.rel)
	rec, ok := r.records[t.rec.id]
	if !ok || rec.Retired.IsZero() {
		return nil
	}
	rec.Retired = time.Time{}
	r.records[rec.id] = rec
	return saveRecord(r.store, rec)
}

// flipped is when the link was made.
func (r *Repo) flipped() time.Time {
	info, err := os.Lstat(r.link)
	if err != nil {
		return r.opts.Now()
	}
	return info.ModTime()
}
