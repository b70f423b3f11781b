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

// The values of State in health.
const (
	stateStarting = "starting" // no sync of this process has ended yet
	stateFresh    = "fresh"
	stateHook     = "hook-failing" // published and up to date, but a hook fails
	stateFailing  = "failing"      // the last sync failed; what is published stays
	stateStale    = "stale"        // the last success is older than --max-staleness
	stateStuck    = "stuck"
)

// status is the answer of /status about one sync. docs/monitoring.md describes its JSON.
type status struct {
	Name string `json:"name,omitempty"`
	Path string `json:"path,omitempty"` // its own path, in an overview
	health
	Repo string `json:"repo"`
	Ref  string `json:"ref"`
	Settings
	Published *published `json:"published"`
	attempt
	Syncs      map[string]int `json:"syncs"`
	Triggers   map[string]int `json:"triggers"`
	Hooks      []hookStatus   `json:"hooks"`
	History    []event        `json:"history"`
	Deliveries []delivery     `json:"deliveries,omitzero"` // nil: there is no receiver
}

// overview is the answer of /status about all syncs, if they have names. Its state is the worst one. Its reasons are
// the first ones of a sync.
type overview struct {
	health
	Syncs         []status   `json:"syncs"` // without their history
	Deliveries    []delivery `json:"deliveries,omitzero"`
	InvalidConfig string     `json:"invalidConfig,omitempty"` // why a changed configuration is ignored
}

// health describes one sync, or all.
type health struct {
	State    string    `json:"state"`
	Ready    bool      `json:"ready"`
	Live     bool      `json:"live"`
	Reason   string    `json:"reason,omitempty"` // why not live, else why not ready
	NotReady string    `json:"notReady,omitempty"`
	NotLive  string    `json:"notLive,omitempty"`
	Time     time.Time `json:"time"`
	Started  time.Time `json:"started"`
	Host     string    `json:"host"` // in Kubernetes the name of the pod
	Version  Build     `json:"version"`
}

// attempt describes the running sync, the last one, and the next one.
type attempt struct {
	Running      bool      `json:"running"`
	RunningSince time.Time `json:"runningSince,omitzero"`
	LastAttempt  time.Time `json:"lastAttempt,omitzero"`
	LastSuccess  time.Time `json:"lastSuccess,omitzero"`
	LastResult   string    `json:"lastResult,omitempty"`
	LastSeconds  float64   `json:"lastDurationSeconds,omitempty"`
	LastTrigger  string    `json:"lastTrigger,omitempty"`
	LastError    *failure  `json:"lastError"`
	Failures     int       `json:"consecutiveFailures"`
	FailingSince time.Time `json:"failingSince,omitzero"`
	NextSync     time.Time `json:"nextSync,omitzero"`
}

type published struct {
	Hash          string    `json:"hash"`
	Subject       string    `json:"subject,omitempty"`
	Authored      time.Time `json:"authored,omitzero"`
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

// health returns the health of syncs in the given state.
func (s *Server) health(state, notLive, notReady string, now time.Time) health {
	notLive, notReady = s.opt.Scrub(notLive), s.opt.Scrub(notReady)
	return health{
		State: state, Ready: notReady == "", Live: notLive == "", Reason: cmp.Or(notLive, notReady), NotReady: notReady, NotLive: notLive,
		Time: now.UTC(), Started: s.started.UTC(), Host: s.host, Version: s.opt.Build,
	}
}

// status returns the status of one sync.
func (s *Server) status(snap snapshot) status {
	snap = snap.scrubbed(s.opt.Scrub)
	st := status{
		Name: snap.Name, health: s.health(snap.state(), snap.notLive(), snap.notReady(), snap.now),
		Repo: snap.Repo, Ref: snap.Ref, Settings: snap.Settings, Published: publishedOf(snap), attempt: attemptOf(snap),
		Syncs: orEmpty(snap.Counts), Triggers: orEmpty(snap.Triggers), Hooks: []hookStatus{}, History: []event{},
		Deliveries: s.deliveries.list(snap.Name, s.opt.Scrub),
	}
	for _, h := range snap.Hooks {
		st.Hooks = append(st.Hooks, hookOf(h))
	}
	for _, e := range snap.History {
		st.History = append(st.History, event{e.Time.UTC(), e.Result, e.Hash, e.Error, e.Duration.Seconds(), e.Trigger})
	}
	return st
}

func attemptOf(snap snapshot) attempt {
	a := attempt{
		Running: snap.Running, LastAttempt: snap.LastAttempt.UTC(), LastSuccess: snap.LastSuccess.UTC(), LastResult: snap.LastResult,
		LastSeconds: snap.LastDuration.Seconds(), LastTrigger: snap.Trigger, NextSync: snap.Next.UTC(),
		LastError: failureOf(failure{snap.LastError, snap.LastHint, snap.LastRemote, snap.LastHelper, snap.LastErrorAt.UTC()}),
		Failures:  snap.Failures, FailingSince: snap.FailingSince.UTC(),
	}
	if snap.Running {
		a.RunningSince = snap.Started.UTC()
	}
	return a
}

// overview returns the status of all syncs.
func (s *Server) overview(all []snapshot) overview {
	o := overview{
		health: s.health(stateFresh, firstReason(all, snapshot.notLive), firstReason(all, snapshot.notReady), time.Now()),
		Syncs:  []status{}, Deliveries: s.deliveries.list("", s.opt.Scrub), InvalidConfig: s.opt.Scrub(s.opt.InvalidConfig()),
	}
	for _, snap := range all {
		st := s.status(snap)
		st.Path, st.History = "/status/"+st.Name, []event{}
		o.State, o.Syncs = worse(o.State, st.State), append(o.Syncs, st)
	}
	return o
}

// worse returns the worse one of two states.
func worse(a, b string) string {
	order := []string{stateFresh, stateStarting, stateHook, stateStale, stateFailing, stateStuck}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

func publishedOf(snap snapshot) *published {
	if !snap.Published() {
		return nil
	}
	p := &published{Hash: snap.Hash, Previous: snap.PreviousHash, Since: snap.Since.UTC(), PushedAt: snap.PushedAt.UTC()}
	if snap.Commit.Hash == snap.Hash {
		p.Subject, p.Authored = snap.Commit.Subject, snap.Commit.Authored
	}
	if !snap.PushedAt.IsZero() {
		p.PushToPublish = max(snap.Since.Sub(snap.PushedAt), 0).Seconds()
	}
	return p
}

// failureOf returns nil if nothing has failed.
func failureOf(f failure) *failure {
	if f.Message == "" {
		return nil
	}
	return &f
}

func hookOf(h hook.Report) hookStatus {
	return hookStatus{
		Name: h.Name, Runs: orEmpty(h.Runs), Running: h.Running, Delivered: h.Delivered, Pending: h.Pending,
		LastRun: h.LastRun.UTC(), LastSeconds: h.LastDuration.Seconds(), Failures: h.Failures,
		LastError: failureOf(failure{Message: h.LastError, Hint: h.LastHint, Time: h.LastErrorAt.UTC()}),
	}
}

func orEmpty(m map[string]int) map[string]int {
	if m == nil {
		return map[string]int{}
	}
	return m
}

// serveStatus answers with the status of the only sync, or of all syncs.
func (s *Server) serveStatus(w http.ResponseWriter, req *http.Request) {
	all := s.snapshots()
	if !s.named {
		s.respond(w, req, "page.html", s.status(all[0]))
		return
	}
	s.respond(w, req, "overview.html", s.overview(all))
}

// respond sends JSON to programs, and the page of that name to people.
func (s *Server) respond(w http.ResponseWriter, req *http.Request, page string, content any) {
	w.Header().Set("Vary", "Accept")
	if wantsHTML(req.Header.Get("Accept")) {
		s.servePage(w, page, content)
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

func (s *Server) servePage(w http.ResponseWriter, page string, content any) {
	pages, err := s.pages()
	var b bytes.Buffer
	if err == nil {
		err = pages.ExecuteTemplate(&b, page, content)
	}
	if err != nil {
		s.opt.Log.Error(err, "rendering the status page failed")
		http.Error(w, "the status page cannot be rendered", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy())
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(b.Bytes())
}

// wantsHTML reports whether an Accept header prefers HTML to JSON. Browsers send text/html; curl and probes accept
// anything.
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
