package repo

// Stats counts what a Repo has done and holds.
type Stats struct {
	Fetches     int   // fetches that ended well, submodules' included
	Recycled    int   // trees made from one set aside
	Stuck       int   // replaced trees that cannot be removed for now
	ObjectBytes int64 // the object store on disk
	Unverified  int   // times that a revision was refused for its signature
}

// Stats returns the counts so far. It may be called at any time.
func (r *Repo) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

func (r *Repo) count(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}
