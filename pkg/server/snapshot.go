package server

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"git-sync/pkg/hook"
	"git-sync/pkg/instance"
	"git-sync/pkg/syncer"
)

// snapshot is the state of one sync at one moment.
type snapshot struct {
	Sync
	instance.Report
	now time.Time
}

// snapshots returns the present state of all syncs. It may contain secrets.
func (s *Server) snapshots() []snapshot {
	syncs := s.opt.Syncs()
	all := make([]snapshot, 0, len(syncs))
	for _, one := range syncs {
		all = append(all, snapshot{one, one.Report(), time.Now()})
	}
	return all
}

// ofOne answers with the present state of the sync that the path names, or 404 if there is none.
func (s *Server) ofOne(answer func(http.ResponseWriter, *http.Request, snapshot)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		for _, snap := range s.snapshots() {
			if snap.Name == req.PathValue("name") {
				answer(w, req, snap)
				return
			}
		}
		http.NotFound(w, req)
	}
}

// scrubbed returns the snapshot without secrets.
func (snap snapshot) scrubbed(scrub func(string) string) snapshot {
	snap.Repo, snap.Ref, snap.Unusable, snap.Commit.Subject = scrub(snap.Repo), scrub(snap.Ref), scrub(snap.Unusable), scrub(snap.Commit.Subject)
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

// notLive says why the loop counts as stuck; "" if it does not.
func (snap snapshot) notLive() string {
	if !snap.Stuck(snap.now) {
		return ""
	}
	what := "the next sync"
	if snap.Running {
		what = "the sync that started at " + snap.Started.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("stuck: %s is overdue by %s", what, duration(snap.now.Sub(snap.Deadline)))
}

// notReady says why the sync is not ready; "" if it is.
func (snap snapshot) notReady() string {
	if why := snap.notUsable(); why != "" {
		return why
	}
	if snap.stale() {
		return fmt.Sprintf("the last successful sync is older than %s", duration(snap.MaxStaleness))
	}
	return ""
}

// notUsed says why nothing is published, like the probe of older versions of git-sync: after the first success of
// this process, it always returns "". Some users need it for liveness.
func (snap snapshot) notUsed() string {
	if snap.Counts[syncer.ResultSuccess] > 0 {
		return ""
	}
	return snap.notUsable()
}

// notUsable says why there is nothing that may be used; "" if there is.
func (snap snapshot) notUsable() string {
	switch waiting := snap.Root.Waiting; {
	case !snap.Published():
		return cmp.Or(waiting, "nothing is published yet")
	case snap.Unusable != "":
		return cmp.Or(waiting, snap.Unusable)
	}
	return ""
}

// stale reports whether the last success is too old, or there is none.
func (snap snapshot) stale() bool {
	return snap.MaxStaleness > 0 && (snap.LastSuccess.IsZero() || snap.now.Sub(snap.LastSuccess) > snap.MaxStaleness)
}

// state returns the state of the sync as a word.
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
	case snap.LastResult == "":
		return stateStarting // this process only knows that an earlier one has published
	case slices.ContainsFunc(snap.Hooks, func(h hook.Report) bool { return h.Failures > 0 }):
		return stateHook
	default:
		return stateFresh
	}
}
