package receiver

import "time"

// repository is what the last delivery for a target said about its repository.
type repository struct{ id, branch string }

// relation is the relation of a delivery to a target.
type relation int

const (
	foreign  relation = iota // it is of another repository
	ours                     // it is of the target's repository
	switched                 // it also names another default branch than the delivery before, or is the first one
)

// recall compares a delivery with the previous one for the same target, and remembers it. If a repository was renamed
// or moved to another owner, recall recognises it by its ID: fetches with the old URL still work, but deliveries
// contain the new one.
func (h *handler) recall(f *forge, p payload, t Target) relation {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := [3]string{f.name, t.Name, t.URL}
	last, place := h.known[key], placeOf(t.URL)
	switch {
	case len(p.repos) == 0 || place.isOurs(p.repos):
	case p.id != "" && p.id == last.id:
		h.Log.V(h.level(key, 2)).Info("repository was renamed", "followed", place.path, "repository", p.repos, "hint", "set --repo to its new URL")
	default:
		return foreign
	}
	h.known[key] = repository{p.id, p.branch}
	if p.branch != "" && p.branch != last.branch {
		return switched
	}
	return ours
}

// logPeriod is how often one kind of line is logged at level 0.
const logPeriod = time.Minute

// level returns the level for a log message: 0, or later if a message of the same kind was logged at 0 within the
// last minute.
func (h *handler) level(kind any, later int) int {
	now := time.Now()
	last, _ := h.logged.LoadOrStore(kind, time.Time{})
	if at, _ := last.(time.Time); now.Sub(at) < logPeriod || !h.logged.CompareAndSwap(kind, last, now) {
		return later
	}
	return 0
}
