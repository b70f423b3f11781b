package server

import (
	"bytes"
	"cmp"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"git-sync/pkg/hook"
)

// The values of State in status and overview.
const (
	stateStarting = "starting" // nothing published yet, and nothing has failed
	stateFresh    = "fresh"
	stateFailing  = "failing" // the last sync failed; what is published stays
	stateStale    = "stale"   // the last success is older than --max-staleness
	stateStuck    = "stuck"
)

// status is the answer of /status about one sync; its JSON is documented in docs/monitoring.md, and as flat as it is there.
type status struct {
	Name    string    `json:"name,omitempty"`
	Path    string    `json:"path,omitempty"` // leads to this, from an overview
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

// overview is the answer of /status about all syncs, where they have names.
type overview struct {
	State   string    `json:"state"` // the worst of all
	Ready   bool      `json:"ready"`
	Live    bool      `json:"live"`
	Reason  string    `json:"reason,omitempty"` // why the first one is not ready or not live
	Time    time.Time `json:"time"`
	Started time.Time `json:"started"`
	Version version   `json:"version"`
	Syncs   []status  `json:"syncs"` // without their history

	InvalidConfig string `json:"invalidConfig,omitempty"` // why a changed configuration is ignored
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
	Remote  string    `json:"remote,omitempty"`
	Helper  string    `json:"helper,omitempty"`
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

// status is what is known of one sync.
func (s *Server) status(snap snapshot) status {
	snap = snap.scrubbed(s.opt.Scrub)
	live, ready := snap.notLive(), snap.notReady()
	st := status{
		Name:  snap.name,
		State: snap.state(), Ready: ready == "", Live: live == "", Reason: cmp.Or(live, ready), Time: snap.now.UTC(), Started: s.started.UTC(),
		Repo: snap.Repo, Ref: snap.Ref, Published: publishedOf(snap),
		Running: snap.Running, LastAttempt: snap.LastAttempt.UTC(), LastSuccess: snap.LastSuccess.UTC(), LastResult: snap.LastResult,
		LastSeconds: snap.LastDuration.Seconds(), LastTrigger: snap.Trigger, Failures: snap.Failures, NextSync: snap.Next.UTC(),
		Syncs: orEmpty(snap.Counts), Triggers: orEmpty(snap.Triggers), Hooks: []hookStatus{}, History: []event{},
		LastError: failureOf(snap.LastError, snap.LastHint, snap.LastErrorAt),
		Version:   version(s.opt.Build),
	}
	if st.LastError != nil {
		st.LastError.Remote, st.LastError.Helper = snap.LastRemote, snap.LastHelper
	}
	if snap.Running {
		st.RunningSince = snap.Started.UTC()
	}
	for _, h := range snap.Hooks {
		st.Hooks = append(st.Hooks, hookOf(h))
	}
	for _, e := range snap.History {
		st.History = append(st.History, event{e.Time.UTC(), e.Result, e.Hash, e.Error, e.Duration.Seconds(), e.Trigger})
	}
	return st
}

// overview is what is known of all syncs.
func (s *Server) overview(all []snapshot) overview {
	live, ready := firstReason(all, snapshot.notLive), firstReason(all, snapshot.notReady)
	o := overview{
		State: stateFresh, Ready: ready == "", Live: live == "", Reason: s.opt.Scrub(cmp.Or(live, ready)),
		Time: time.Now().UTC(), Started: s.started.UTC(), Version: version(s.opt.Build), Syncs: []status{},
		InvalidConfig: s.opt.Scrub(s.opt.InvalidConfig()),
	}
	for _, snap := range all {
		st := s.status(snap)
		st.Path, st.History = "/status/"+st.Name, []event{}
		o.State, o.Syncs = worse(o.State, st.State), append(o.Syncs, st)
	}
	return o
}

// worse is the worse one of two states.
func worse(a, b string) string {
	order := []string{stateFresh, stateStarting, stateStale, stateFailing, stateStuck}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

func publishedOf(snap snapshot) *published {
	if !snap.Published() {
		return nil
	}
	p := &published{Hash: snap.Hash, Previous: snap.PreviousHash, Since: snap.Since.UTC(), PushedAt: snap.PushedAt.UTC()}
	if !snap.PushedAt.IsZero() {
		p.PushToPublish = max(snap.Since.Sub(snap.PushedAt), 0).Seconds()
	}
	return p
}

func failureOf(message, hint string, at time.Time) *failure {
	if message == "" {
		return nil
	}
	return &failure{Message: message, Hint: hint, Time: at.UTC()}
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

// serveStatus answers about the only sync, or about all of them.
func (s *Server) serveStatus(w http.ResponseWriter, req *http.Request) {
	all := s.snapshots()
	if !s.named {
		s.respond(w, req, s.status(all[0]))
		return
	}
	s.respond(w, req, s.overview(all))
}

func (s *Server) serveStatusOne(w http.ResponseWriter, req *http.Request) {
	snap, ok := s.snapshotOf(req.PathValue("name"))
	if !ok {
		http.NotFound(w, req)
		return
	}
	s.respond(w, req, s.status(snap))
}

// respond answers programs in JSON and people in HTML.
func (s *Server) respond(w http.ResponseWriter, req *http.Request, content any) {
	w.Header().Set("Vary", "Accept")
	if wantsHTML(req.Header.Get("Accept")) {
		s.servePage(w, content)
		return
	}
	b, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		http.Error(w, "the status cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n'))
}

func (s *Server) servePage(w http.ResponseWriter, content any) {
	p, err := s.pages()
	var b bytes.Buffer
	if err == nil {
		err = p.render(&b, content)
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
