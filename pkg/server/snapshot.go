package server

import (
	"fmt"
	"slices"
	"time"

	"git-sync/pkg/instance"
)

// snapshot is one sync at one instant.
type snapshot struct {
	instance.Report
	name         string
	maxStaleness time.Duration
	now          time.Time
}

// snapshots are all syncs now. They may hold secrets.
func (s *Server) snapshots() []snapshot {
	syncs := s.opt.Syncs()
	all := make([]snapshot, 0, len(syncs))
	for _, one := range syncs {
		all = append(all, snapshot{one.Report(), one.Name, one.MaxStaleness, time.Now()})
	}
	return all
}

// snapshotOf is the sync of that name now, and whether there is one.
func (s *Server) snapshotOf(name string) (snapshot, bool) {
	all := s.snapshots()
	i := slices.IndexFunc(all, func(snap snapshot) bool { return snap.name == name })
	if i < 0 {
		return snapshot{}, false
	}
	return all[i], true
}

// scrubbed is the snapshot without the secrets known by now.
func (snap snapshot) scrubbed(scrub func(string) string) snapshot {
	snap.Repo, snap.Ref, snap.Unusable = scrub(snap.Repo), scrub(snap.Ref), scrub(snap.Unusable)
	snap.LastError, snap.LastHint = scrub(snap.LastError), scrub(snap.LastHint)
	snap.LastRemote, snap.LastHelper = scrub(snap.LastRemote), scrub(snap.LastHelper)
	snap.History = slices.Clone(snap.History)
	for i := range snap.History {
		snap.History[i].Error = scrub(snap.History[i].Error)
	}
	snap.Hooks = slices.Clone(snap.Hooks)
	for i := range snap.Hooks {
		h := &snap.Hooks[i]
		h.LastError, h.LastHint = scrub(h.LastError), scrub(h.LastHint)
	}
	return snap
}

// notLive is why the loop counts as stuck, "" if it does not.
func (snap snapshot) notLive() string {
	if !snap.Stuck(snap.now) {
		return ""
	}
	what := "waiting for the next sync"
	if snap.Running {
		what = "a sync, begun " + snap.Started.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("stuck: %s should have moved on %s ago", what, duration(snap.now.Sub(snap.Deadline)))
}

// notReady is why what is published may not be used, "" if it may.
func (snap snapshot) notReady() string {
	if why := snap.notUsable(); why != "" {
		return why
	}
	if snap.stale() {
		return fmt.Sprintf("the last successful sync is older than %s", duration(snap.maxStaleness))
	}
	return ""
}

// notUsed is why nothing was ever published, as the probe of both older git-syncs has it: "" for good once this process has
// seen a sync succeed. Some use it for liveness.
func (snap snapshot) notUsed() string {
	if !snap.LastSuccess.IsZero() {
		return ""
	}
	return snap.notUsable()
}

// notUsable is why there is nothing to be used, "" if there is.
func (snap snapshot) notUsable() string {
	if !snap.Published() {
		return "nothing is published yet"
	}
	return snap.Unusable
}

// stale says whether the last success is older than it may be. Without a success since the start it is.
func (snap snapshot) stale() bool {
	return snap.maxStaleness > 0 && (snap.LastSuccess.IsZero() || snap.now.Sub(snap.LastSuccess) > snap.maxStaleness)
}

// state sums the sync up in a word.
func (snap snapshot) state() string {
	switch {
	case snap.Stuck(snap.now):
		return stateStuck
	case snap.Failures > 0:
		return stateFailing
	case !snap.Published():
		return stateStarting
	case snap.stale():
		return stateStale
	default:
		return stateFresh
	}
}
