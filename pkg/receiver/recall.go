package receiver

// repository is what the last delivery for a target has said of its repository.
type repository struct{ id, branch string }

// relation is what a delivery is to a target.
type relation int

const (
	foreign  relation = iota // it is of another repository
	ours                     // it is of the target's repository
	switched                 // it also names another default branch than the delivery before, or is the first one
)

// recall compares a delivery with the earlier ones for the same target, and remembers it. A repository that was renamed or
// moved to another owner is recognised by its ID: fetches by the old URL still work, but deliveries have the new one.
func (h *handler) recall(f *forge, p payload, t Target) relation {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := [3]string{f.name, t.Name, t.URL}
	last, place := h.known[key], placeOf(t.URL)
	switch {
	case len(p.repos) == 0 || place.isOurs(p.repos):
	case p.id != "" && p.id == last.id:
		h.Log.V(h.level(key, 2)).Info("repository was renamed: set --repo to its new URL", "followed", place.path, "repository", p.repos)
	default:
		return foreign
	}
	h.known[key] = repository{p.id, p.branch}
	if p.branch != "" && p.branch != last.branch {
		return switched
	}
	return ours
}

// level returns the level to log something at: 0 when its kind comes first.
func (h *handler) level(kind any, later int) int {
	if _, again := h.logged.LoadOrStore(kind, true); again {
		return later
	}
	return 0
}
