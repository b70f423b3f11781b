package server

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"git-sync/pkg/hook"
	"git-sync/pkg/syncer"
)

// maxCommands bounds the values of the label "command"; there are about twenty git commands that we use.
const maxCommands = 40

// metrics turns what is known into Prometheus' terms. Most of it is read at the scrape from the syncs' reports; only
// distributions are counted as they happen.
type metrics struct {
	s        *Server
	registry *prometheus.Registry
	desc     map[string]descOf // by name
	latency  *prometheus.HistogramVec
	commands *prometheus.HistogramVec

	mu         sync.Mutex
	known      []string             // the git commands that have been run
	deliveries map[[3]string]int    // by sync, source and outcome
	published  map[string]time.Time // by sync: when its revision was published
}

// descOf is a metric that is read at the scrape.
type descOf struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		s:          s,
		registry:   prometheus.NewPedanticRegistry(),
		deliveries: map[[3]string]int{},
		published:  map[string]time.Time{},
		desc:       map[string]descOf{},
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "git_sync_push_to_publish_seconds",
			Help:    "Time from the arrival of a push or signal to the publication of what it announced.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, s.labelled()),
		commands: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "git_sync_git_command_duration_seconds",
			Help:    "Duration of the git commands that were run, by command.",
			Buckets: []float64{.01, .05, .25, 1, 5, 30, 120},
		}, []string{"command"}),
	}
	for _, d := range described() {
		labels := d.labels
		if d.scope == ofSync {
			labels = s.labelled(labels...)
		}
		m.desc[d.name] = descOf{prometheus.NewDesc(d.name, d.help, labels, nil), d.kind}
	}
	if !s.named {
		m.latency.WithLabelValues()
	}
	if s.opt.Metrics {
		m.registry.MustRegister(m, m.commands, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	return m
}

// labelled adds the label of a sync, where syncs have names.
func (s *Server) labelled(labels ...string) []string {
	if !s.named {
		return labels
	}
	return append([]string{"sync"}, labels...)
}

// valued adds the value of the label of a sync, where syncs have names.
func (s *Server) valued(name string, values ...string) []string {
	if !s.named {
		return values
	}
	return append([]string{name}, values...)
}

// handler serves the scrape.
func (m *metrics) handler(log logr.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            promLog{log},
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}

// promLog takes promhttp's complaints.
type promLog struct{ log logr.Logger }

func (p promLog) Println(v ...any) { p.log.V(2).Info("serving metrics", "detail", v) }

// observe counts the latency of a publication that a report is the first to show.
func (m *metrics) observe(name string, r syncer.Report) {
	m.mu.Lock()
	known := m.published[name].Equal(r.Since)
	m.published[name] = r.Since
	m.mu.Unlock()
	if !known && !r.PushedAt.IsZero() {
		m.latency.WithLabelValues(m.s.valued(name)...).Observe(max(r.Since.Sub(r.PushedAt), 0).Seconds())
	}
}

func (m *metrics) delivery(name, source, outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deliveries[[3]string{name, source, outcome}]++
}

func (m *metrics) git(command string, took time.Duration) {
	m.mu.Lock()
	if !slices.Contains(m.known, command) {
		if len(m.known) >= maxCommands {
			command = "other"
		} else {
			m.known = append(m.known, command)
		}
	}
	m.mu.Unlock()
	m.commands.WithLabelValues(command).Observe(took.Seconds())
}

// forget drops what was counted for syncs that are removed.
func (m *metrics) forget(removed func(name string) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.deliveries, func(k [3]string, _ int) bool { return removed(k[0]) })
	for name := range m.published {
		if removed(name) {
			delete(m.published, name)
			m.latency.DeleteLabelValues(name)
		}
	}
}

// scope says what there is a value for.
type scope int

const (
	ofSync    scope = iota // each sync
	ofProcess              // the process
)

// description is the row of a metric that is read at the scrape.
type description struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	scope      scope
}

// described lists them. The first seven are those of the older git-syncs, whose names and labels are kept.
func described() []description {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []description{
		{"git_sync_duration_seconds", "Total duration and number of syncs, by result.", prometheus.UntypedValue, []string{"status"}, ofSync},
		{"git_sync_count_total", "Syncs, by result.", counter, []string{"status"}, ofSync},
		{"git_fetch_count_total", "Fetches of objects from the remote.", counter, nil, ofSync},
		{"git_sync_askpass_calls", "Answers of --askpass-url, by status.", counter, []string{"status"}, ofSync},
		{"git_sync_refresh_github_app_token_count", "GitHub App tokens asked for, by status.", counter, []string{"status"}, ofSync},
		{"git_sync_hook_run_count_total", "Runs of hooks, by hook and status.", counter, []string{"name", "status"}, ofSync},
		{"git_sync_triggers_total", "Requests for a sync, by source and by what came of them.", counter, []string{"source", "outcome"}, ofSync},
		{"git_sync_last_success_timestamp_seconds", "When the last successful sync ended; 0 if there was none.", gauge, nil, ofSync},
		{"git_sync_last_attempt_timestamp_seconds", "When the last finished sync began; 0 if there was none.", gauge, nil, ofSync},
		{"git_sync_consecutive_failures", "Syncs that failed since the last success.", gauge, nil, ofSync},
		{"git_sync_published_info", "The published revision, as labels; absent while there is none.", gauge, []string{"hash", "ref"}, ofSync},
		{"git_sync_published_timestamp_seconds", "When the published revision was published; 0 if there is none.", gauge, nil, ofSync},
		{"git_sync_ready", "Whether /readyz answers 200.", gauge, nil, ofSync},
		{"git_sync_stuck", "Whether the loop has been at one thing for longer than it may be.", gauge, nil, ofSync},
		{"git_sync_hook_consecutive_failures", "Runs of a hook that failed since its last success.", gauge, []string{"name"}, ofSync},
		{"git_sync_hook_pending", "Whether a hook has not yet accepted the newest revision.", gauge, []string{"name"}, ofSync},
		{"git_sync_disk_bytes", "Bytes on disk, by part.", gauge, []string{"part"}, ofSync},
		{"git_sync_unremovable_trees", "Replaced trees that cannot be removed for now.", gauge, nil, ofSync},
		{"git_sync_unverified_revisions_total", "Times that --verify kept a revision from being published.", counter, nil, ofSync},
		{"git_sync_config_valid", "Whether the newest configuration file is in use; absent without --config.", gauge, nil, ofProcess},
		{"git_sync_build_info", "What is running, as labels.", gauge, []string{"version", "commit", "go_version", "git_version"}, ofProcess},
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.latency.Describe(ch)
	for _, d := range m.desc {
		ch <- d.desc
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	there := map[string]bool{"": true}
	for _, snap := range m.s.snapshots() {
		there[snap.name] = true
		collection{m, ch, snap.name}.all(snap)
	}
	m.forget(func(name string) bool { return !there[name] })
	m.latency.Collect(ch)
	c := collection{m: m, ch: ch}
	c.deliveries()
	if m.s.named {
		c.send("git_sync_config_valid", map[bool]float64{true: 1}[m.s.opt.InvalidConfig() == ""])
	}
	b := m.s.opt.Build
	c.send("git_sync_build_info", 1, b.Version, b.Commit, b.Go, b.Git)
}

// collection is what one scrape takes of one sync.
type collection struct {
	m    *metrics
	ch   chan<- prometheus.Metric
	sync string
}

// send gives the value of a metric with all its labels.
func (c collection) send(name string, value float64, labels ...string) {
	d := c.m.desc[name]
	c.ch <- prometheus.MustNewConstMetric(d.desc, d.kind, value, labels...)
}

// one gives the value of a metric of the sync with its labels.
func (c collection) one(name string, value float64, labels ...string) {
	c.send(name, value, c.m.s.valued(c.sync, labels...)...)
}

// all gives all of the sync's metrics.
func (c collection) all(snap snapshot) {
	yes := map[bool]float64{true: 1}
	c.syncs(snap)
	c.hooks(snap.Hooks)
	c.parts(snap)
	c.one("git_sync_last_success_timestamp_seconds", unix(snap.LastSuccess))
	c.one("git_sync_last_attempt_timestamp_seconds", unix(snap.LastAttempt))
	c.one("git_sync_consecutive_failures", float64(snap.Failures))
	c.one("git_sync_published_timestamp_seconds", unix(snap.Since))
	if snap.Published() {
		c.one("git_sync_published_info", 1, snap.Hash, c.m.s.opt.Scrub(snap.Ref))
	}
	c.one("git_sync_ready", yes[snap.notReady() == ""])
	c.one("git_sync_stuck", yes[snap.Stuck(snap.now)])
}

// by gives a metric with one label: a value for each of the keys, 0 where there is none, so that a series exists before its first event.
func (c collection) by(name string, values map[string]int, keys ...string) {
	for k := range values {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		c.one(name, float64(values[k]), k)
	}
}

func (c collection) syncs(r snapshot) {
	for _, result := range []string{syncer.ResultSuccess, syncer.ResultError, syncer.ResultNoop} {
		count := r.Counts[result]
		c.one("git_sync_count_total", float64(count), result)
		c.ch <- prometheus.MustNewConstSummary(c.m.desc["git_sync_duration_seconds"].desc, uint64(max(count, 0)), r.Durations[result].Seconds(), nil, c.m.s.valued(c.sync, result)...)
	}
	for _, source := range []string{syncer.SourceStart, syncer.SourcePeriod, syncer.SourceSignal} {
		c.one("git_sync_triggers_total", float64(r.Triggers[source]), source, "triggered")
	}
	c.one("git_fetch_count_total", float64(r.Fetches))
}

func (c collection) hooks(reports []hook.Report) {
	yes := map[bool]float64{true: 1}
	for _, h := range reports {
		for _, status := range []string{hook.StatusSuccess, hook.StatusError} {
			c.one("git_sync_hook_run_count_total", float64(h.Runs[status]), h.Name, status)
		}
		c.one("git_sync_hook_consecutive_failures", float64(h.Failures), h.Name)
		c.one("git_sync_hook_pending", yes[h.Pending != ""], h.Name)
	}
}

// parts gives the figures from the layers below the loop.
func (c collection) parts(snap snapshot) {
	c.by("git_sync_askpass_calls", snap.Auth.AskpassCalls, "success", "error")
	c.by("git_sync_refresh_github_app_token_count", snap.Auth.GitHubRefreshes, "success", "error")
	c.one("git_sync_disk_bytes", float64(snap.Root.ObjectBytes), "objects")
	c.one("git_sync_unremovable_trees", float64(snap.Root.Stuck))
	c.one("git_sync_unverified_revisions_total", float64(snap.Root.Unverified))
}

// deliveries gives what came of the deliveries of forges; one that triggered no sync has an empty name.
func (c collection) deliveries() {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	for k, n := range c.m.deliveries {
		c.sync = k[0]
		c.one("git_sync_triggers_total", float64(n), k[1], k[2])
	}
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
