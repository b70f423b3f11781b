package server

import (
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

// metrics turns what is known into Prometheus' terms. Most of it is read at the scrape from the last report; only distributions are
// counted as they happen.
type metrics struct {
	s        *Server
	registry *prometheus.Registry
	latency  prometheus.Histogram
	commands *prometheus.HistogramVec

	mu         sync.Mutex
	known      []string          // the git commands seen
	deliveries map[[2]string]int // by source and outcome
	desc       map[string]descOf // by name
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
		deliveries: map[[2]string]int{},
		desc:       map[string]descOf{},
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "git_sync_push_to_publish_seconds",
			Help:    "Time from the arrival of a push or signal to the publication of what it announced.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}),
		commands: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "git_sync_git_command_duration_seconds",
			Help:    "Duration of the git commands that were run, by command.",
			Buckets: []float64{.01, .05, .25, 1, 5, 30, 120},
		}, []string{"command"}),
	}
	for _, d := range described() {
		m.desc[d.name] = descOf{prometheus.NewDesc(d.name, d.help, d.labels, nil), d.kind}
	}
	if s.opt.Metrics {
		m.registry.MustRegister(m, m.latency, m.commands, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	return m
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

// published counts the latency of a publication that the newer report tells of.
func (m *metrics) published(before, r *syncer.Report) {
	if r.PushedAt.IsZero() || r.Since.Equal(before.Since) {
		return
	}
	m.latency.Observe(max(r.Since.Sub(r.PushedAt), 0).Seconds())
}

func (m *metrics) delivery(source, outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deliveries[[2]string{source, outcome}]++
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

// description is the row of a metric that is read at the scrape.
type description struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
}

// described lists them. The first seven are those of the older git-syncs, whose names and labels are kept.
func described() []description {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []description{
		{"git_sync_duration_seconds", "Total duration and number of syncs, by result.", prometheus.UntypedValue, []string{"status"}},
		{"git_sync_count_total", "Syncs, by result.", counter, []string{"status"}},
		{"git_fetch_count_total", "Fetches of objects from the remote.", counter, nil},
		{"git_sync_askpass_calls", "Answers of --askpass-url, by status.", counter, []string{"status"}},
		{"git_sync_refresh_github_app_token_count", "GitHub App tokens asked for, by status.", counter, []string{"status"}},
		{"git_sync_hook_run_count_total", "Runs of hooks, by hook and status.", counter, []string{"name", "status"}},
		{"git_sync_triggers_total", "Requests for a sync, by source and by what came of them.", counter, []string{"source", "outcome"}},
		{"git_sync_last_success_timestamp_seconds", "When the last successful sync ended; 0 if there was none.", gauge, nil},
		{"git_sync_last_attempt_timestamp_seconds", "When the last finished sync began; 0 if there was none.", gauge, nil},
		{"git_sync_consecutive_failures", "Syncs that failed since the last success.", gauge, nil},
		{"git_sync_published_info", "The published revision, as labels; absent while there is none.", gauge, []string{"hash", "ref"}},
		{"git_sync_published_timestamp_seconds", "When the published revision was published; 0 if there is none.", gauge, nil},
		{"git_sync_ready", "Whether /readyz answers 200.", gauge, nil},
		{"git_sync_stuck", "Whether the loop has been at one thing for longer than it may be.", gauge, nil},
		{"git_sync_hook_consecutive_failures", "Runs of a hook that failed since its last success.", gauge, []string{"name"}},
		{"git_sync_hook_pending", "Whether a hook has not yet accepted the newest revision.", gauge, []string{"name"}},
		{"git_sync_disk_bytes", "Bytes on disk, by part.", gauge, []string{"part"}},
		{"git_sync_unremovable_trees", "Replaced trees that cannot be removed for now.", gauge, nil},
		{"git_sync_unverified_revisions_total", "Times that --verify kept a revision from being published.", counter, nil},
		{"git_sync_build_info", "What is running, as labels.", gauge, []string{"version", "commit", "go_version", "git_version"}},
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range m.desc {
		ch <- d.desc
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	r, now, yes := m.s.report(), time.Now(), map[bool]float64{true: 1}
	c := collection{m, ch}
	c.syncs(r)
	c.hooks(m.s.hooks())
	c.stats(m.s.opt.Stats())
	c.triggers(r)

	c.one("git_sync_last_success_timestamp_seconds", unix(r.LastSuccess))
	c.one("git_sync_last_attempt_timestamp_seconds", unix(r.LastAttempt))
	c.one("git_sync_consecutive_failures", float64(r.Failures))
	c.one("git_sync_published_timestamp_seconds", unix(r.Since))
	if r.Published() {
		c.one("git_sync_published_info", 1, r.Hash, r.Ref)
	}
	c.one("git_sync_ready", yes[m.s.notReady(r, now) == ""])
	c.one("git_sync_stuck", yes[r.Stuck(now)])
	b := m.s.opt.Build
	c.one("git_sync_build_info", 1, b.Version, b.Commit, b.Go, b.Git)
}

// collection is one scrape.
type collection struct {
	m  *metrics
	ch chan<- prometheus.Metric
}

// one gives the value of a metric with its labels.
func (c collection) one(name string, value float64, labels ...string) {
	d := c.m.desc[name]
	c.ch <- prometheus.MustNewConstMetric(d.desc, d.kind, value, labels...)
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

func (c collection) syncs(r *syncer.Report) {
	for _, result := range []string{syncer.ResultSuccess, syncer.ResultError, syncer.ResultNoop} {
		count := r.Counts[result]
		c.one("git_sync_count_total", float64(count), result)
		c.ch <- prometheus.MustNewConstSummary(c.m.desc["git_sync_duration_seconds"].desc, uint64(max(count, 0)), r.Durations[result].Seconds(), nil, result)
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

func (c collection) stats(s Stats) {
	c.by("git_sync_askpass_calls", s.AskpassCalls, "success", "error")
	c.by("git_sync_refresh_github_app_token_count", s.GitHubRefreshes, "success", "error")
	for part, n := range s.DiskBytes {
		c.one("git_sync_disk_bytes", float64(n), part)
	}
	c.one("git_sync_unremovable_trees", float64(s.StuckTrees))
	c.one("git_sync_unverified_revisions_total", float64(s.Unverified))
}

// triggers merges what the loop was asked by itself or by a signal, all of which it heeds, with the deliveries of forges.
func (c collection) triggers(r *syncer.Report) {
	for _, source := range []string{syncer.SourceStart, syncer.SourcePeriod, syncer.SourceSignal} {
		c.one("git_sync_triggers_total", float64(r.Triggers[source]), source, "triggered")
	}
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	for k, n := range c.m.deliveries {
		c.one("git_sync_triggers_total", float64(n), k[0], k[1])
	}
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
