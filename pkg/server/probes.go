package server

import (
	"fmt"
	"net/http"
)

// probe answers 200, or 503 with the first reason of a sync.
func (s *Server) probe(why func(snapshot) string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s.answer(w, firstReason(s.snapshots(), why))
	}
}

// firstReason returns the first reason of a sync, with the name of the sync; "" if there is none.
func firstReason(all []snapshot, why func(snapshot) string) string {
	for _, snap := range all {
		switch reason := why(snap); {
		case reason != "" && snap.Name != "":
			return snap.Name + ": " + reason
		case reason != "":
			return reason
		}
	}
	return ""
}

// answer answers a probe: 200, or 503 with the reason.
func (s *Server) answer(w http.ResponseWriter, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if why != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, s.opt.Scrub(why))
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}
