package server

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"git-sync/pkg/hook"
	"git-sync/pkg/syncer"
)

// The values of Status.State.
const (
	stateStarting = "starting" // nothing published yet, and nothing has failed
	stateFresh    = "fresh"
	stateFailing  = "failing" // the last sync failed; what is published stays
	stateStale    = "stale"   // the last success is older than --max-staleness
	stateStuck    = "stuck"
)

// status is the answer of /status; its JSON is documented in docs/monitoring.md.
type status struct {
	State   string    `json:"state"`
	Ready   bool      `json:"ready"`
	Live    bool      `json:"live"`
	Reason  string    `json:"reason,omitempty"` // why not ready or not live
	Time    time.Time `json:"time"`
	Started time.Time `json:"started"`

	Repo      string     `json:"repo"`
	Ref       string     `json:"ref"`
	Published *published `json:"published"`

	Running      bool      `json:"running"`
	RunningSince time.Time `json:"runningSince,omitzero"`
	LastAttempt  time.Time `json:"lastAttempt,omitzero"`
	LastSuccess  time.Time `json:"lastSuccess,omitzero"`
	LastResult   string    `json:"lastResult,omitempty"`
	LastSeconds  float64   `json:"lastDurationSeconds,omitempty"`
	LastTrigger  string    `json:"lastTrigger,omitempty"`
	LastError    *failure  `json:"lastError"`
	Failures     int       `json:"consecutiveFailures"`
	NextSync     time.Time `json:"nextSync,omitzero"`

	Syncs    map[string]int `json:"syncs"`
	Triggers map[string]int `json:"triggers"`
	Hooks    []hookStatus   `json:"hooks"`
	History  []event        `json:"history"`
	Version  version        `json:"version"`
}

type published struct {
	Hash          string    `json:"hash"`
	Previous      string    `json:"previousHash,omitempty"`
	Since         time.Time `json:"since"`
	PushedAt      time.Time `json:"pushedAt,omitzero"`
	PushToPublish float64   `json:"pushToPublishSeconds,omitempty"`
}

type failure struct {
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"`
	Time    time.Time `json:"time"`
}

type hookStatus struct {
	Name        string         `json:"name"`
	Runs        map[string]int `json:"runs"`
	Running     bool           `json:"running"`
	Delivered   string         `json:"delivered,omitempty"`
	Pending     string         `json:"pending,omitempty"`
	LastRun     time.Time      `json:"lastRun,omitzero"`
	LastSeconds float64        `json:"lastDurationSeconds,omitempty"`
	LastError   *failure       `json:"lastError"`
	Failures    int            `json:"consecutiveFailures"`
}

type event struct {
	Time    time.Time `json:"time"`
	Result  string    `json:"result"`
	Hash    string    `json:"hash,omitempty"`
	Error   string    `json:"error,omitempty"`
	Seconds float64   `json:"durationSeconds"`
	Trigger string    `json:"trigger,omitempty"`
}

type version struct {
	Version string `json:"gitSync"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go,omitempty"`
	Git     string `json:"git,omitempty"`
}

// status gathers what is known now.
func (s *Server) status(now time.Time) status {
	r := s.report()
	live := notLive(r, now)
	ready := s.notReady(r, now)
	st := status{
		State: s.state(r, now), Ready: ready == "", Live: live == "", Reason: ready, Time: now.UTC(), Started: s.started.UTC(),
		Repo: r.Repo, Ref: r.Ref,
		Running: r.Running, LastAttempt: r.LastAttempt.UTC(), LastSuccess: r.LastSuccess.UTC(), LastResult: r.LastResult,
		LastSeconds: r.LastDuration.Seconds(), LastTrigger: r.Trigger, Failures: r.Failures, NextSync: r.Next.UTC(),
		Syncs: orEmpty(r.Counts), Triggers: orEmpty(r.Triggers), Hooks: []hookStatus{}, History: []event{},
		LastError: failureOf(r.LastError, r.LastHint, r.LastErrorAt),
		Version:   version(s.opt.Build),
	}
	if live != "" {
		st.Reason = live
	}
	if r.Running {
		st.RunningSince = r.Started.UTC()
	}
	if r.Published() {
		st.Published = &published{Hash: r.Hash, Previous: r.PreviousHash, Since: r.Since.UTC(), PushedAt: r.PushedAt.UTC()}
		if !r.PushedAt.IsZero() {
			st.Published.PushToPublish = max(r.Since.Sub(r.PushedAt), 0).Seconds()
		}
	}
	for _, h := range s.hooks() {
		st.Hooks = append(st.Hooks, hookOf(h))
	}
	for _, e := range r.History {
		st.History = append(st.History, event{e.Time.UTC(), e.Result, e.Hash, e.Error, e.Duration.Seconds(), e.Trigger})
	}
	return st
}

// state sums it all up in a word.
func (s *Server) state(r *syncer.Report, now time.Time) string {
	switch {
	case r.Stuck(now):
		return stateStuck
	case r.Failures > 0:
		return stateFailing
	case !r.Published():
		return stateStarting
	case stale(r, s.opt.MaxStaleness, now):
		return stateStale
	default:
		return stateFresh
	}
}

func failureOf(message, hint string, at time.Time) *failure {
	if message == "" {
		return nil
	}
	return &failure{message, hint, at.UTC()}
}

func hookOf(h hook.Report) hookStatus {
	return hookStatus{
		Name: h.Name, Runs: orEmpty(h.Runs), Running: h.Running, Delivered: h.Delivered, Pending: h.Pending,
		LastRun: h.LastRun.UTC(), LastSeconds: h.LastDuration.Seconds(), Failures: h.Failures,
		LastError: failureOf(h.LastError, h.LastHint, h.LastErrorAt),
	}
}

func orEmpty(m map[string]int) map[string]int {
	if m == nil {
		return map[string]int{}
	}
	return m
}

// serveStatus answers programs in JSON and people in HTML.
func (s *Server) serveStatus(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Vary", "Accept")
	st := s.status(time.Now())
	if wantsHTML(req.Header.Get("Accept")) {
		s.servePage(w, st)
		return
	}
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		http.Error(w, "the status cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n'))
}

func (s *Server) servePage(w http.ResponseWriter, st status) {
	p, err := s.page()
	var b bytes.Buffer
	if err == nil {
		err = p.render(&b, st)
	}
	if err != nil {
		s.opt.Log.Error(err, "rendering the status page failed")
		http.Error(w, "the status page cannot be rendered", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(b.Bytes())
}

// wantsHTML says whether an Accept header prefers HTML to JSON. Browsers name text/html; curl and probes take anything.
func wantsHTML(accept string) bool {
	html, other := 0.0, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		kind, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		q := 1.0
		if v, err := strconv.ParseFloat(params["q"], 64); err == nil {
			q = v
		}
		switch kind {
		case "text/html", "application/xhtml+xml":
			html = max(html, q)
		case "application/json":
			other = max(other, q)
		}
	}
	return html > 0 && html >= other
}
