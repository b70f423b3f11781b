package server

import (
	"fmt"
	"net/http"
	"time"

	"git-sync/pkg/syncer"
)

// serveRoot is the probe that both older git-syncs have: is anything published? Some use it for liveness: once this process has
// seen a sync succeed it says yes for good.
func (s *Server) serveRoot(w http.ResponseWriter, _ *http.Request) {
	r, why := s.last.Load(), ""
	if r.LastSuccess.IsZero() {
		why = s.unusable(r)
	}
	if why == "" {
		answer(w, http.StatusOK, "ok")
		return
	}
	answer(w, http.StatusServiceUnavailable, why)
}

// serveLive says whether the loop makes progress, whatever the remote does.
func (s *Server) serveLive(w http.ResponseWriter, _ *http.Request) {
	if why := notLive(s.last.Load(), time.Now()); why != "" {
		answer(w, http.StatusServiceUnavailable, why)
		return
	}
	answer(w, http.StatusOK, "ok")
}

// serveReady says whether what is published may be used.
func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	if why := s.notReady(s.last.Load(), time.Now()); why != "" {
		answer(w, http.StatusServiceUnavailable, why)
		return
	}
	answer(w, http.StatusOK, "ok")
}

// notLive is why the loop counts as stuck, "" if it does not.
func notLive(r *syncer.Report, now time.Time) string {
	if !r.Stuck(now) {
		return ""
	}
	what := "waiting for the next sync"
	if r.Running {
		what = "a sync, begun " + r.Started.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("stuck: %s should have moved on %s ago", what, duration(now.Sub(r.Deadline)))
}

// notReady is why we are not ready, "" if we are.
func (s *Server) notReady(r *syncer.Report, now time.Time) string {
	if why := s.unusable(r); why != "" {
		return why
	}
	if stale(r, s.opt.MaxStaleness, now) {
		return fmt.Sprintf("the last successful sync is older than %s", duration(s.opt.MaxStaleness))
	}
	return ""
}

// unusable is why there is nothing to be used, "" if there is.
func (s *Server) unusable(r *syncer.Report) string {
	if !r.Published() {
		return "nothing is published yet"
	}
	return s.opt.Unfit()
}

// stale says whether the last success is older than it may be; none at all since the start is as good as stale.
func stale(r *syncer.Report, maxStaleness time.Duration, now time.Time) bool {
	return maxStaleness > 0 && (r.LastSuccess.IsZero() || now.Sub(r.LastSuccess) > maxStaleness)
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}
