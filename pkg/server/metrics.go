package server

import (
	stdlog "log"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"git-sync/pkg/hook"
	"git-sync/pkg/syncer"
)

// metrics provides the metrics for Prometheus. Most are read from the syncs' reports during the scrape; only
// distributions are counted as they happen.
type metrics struct {
	s        *Server
	registry *prometheus.Registry
	rows     []metric
	desc     map[string]*prometheus.Desc // of the rows, by name
	latency  *prometheus.HistogramVec
	commands *prometheus.HistogramVec

	mu         sync.Mutex
	deliveries map[[3]string]int    // by sync, source and outcome
	published  map[string]time.Time // by sync: when its revision was published
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		s:          s,
		registry:   prometheus.NewPedanticRegistry(),
		rows:       metricRows(),
		desc:       map[string]*prometheus.Desc{},
		deliveries: map[[3]string]int{},
		published:  map[string]time.Time{},
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "git_sync_push_to_publish_seconds",
			Help:    "Time from the arrival of a push or signal to the publication of its revision.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, s.perSync("sync")),
		commands: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "git_sync_git_command_duration_seconds",
			Help:    "Duration of the git commands that were run, by command.",
			Buckets: []float64{.01, .05, .25, 1, 5, 30, 120},
		}, []string{"command"}),
	}
	for _, r := range m.rows {
		m.desc[r.name] = prometheus.NewDesc(r.name, r.help, s.perSync("sync", r.labels...), nil)
	}
	if !s.named {
		m.latency.WithLabelValues()
	}
	if s.opt.Metrics {
		m.registry.MustRegister(m, m.commands, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		m.registerProcess(s.opt.Build)
	}
	return m
}

// registerProcess adds the metrics of the process.
func (m *metrics) registerProcess(b Build) {
	gauge := func(name, help string, labels prometheus.Labels, read func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, read))
	}
	gauge("git_sync_build_info", "Version of git-sync and git, as labels.",
		prometheus.Labels{"version": b.Version, "commit": b.Commit, "go_version": b.Go, "git_version": b.Git}, func() float64 { return 1 })
	if m.s.named {
		gauge("git_sync_config_valid", "Whether the newest configuration file is in use; absent without --config.", nil,
			func() float64 { return yes(m.s.opt.InvalidConfig() == "") })
	}
}

// perSync puts the label of a sync, or its value, before the other ones, if syncs have names.
func (s *Server) perSync(first string, others ...string) []string {
	if !s.named {
		return others
	}
	return append([]string{first}, others...)
}

// handler serves the scrape.
func (m *metrics) handler(log logr.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            stdlog.New(logWriter{log}, "", 0),
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}

// observe counts the latency of a publication, when a report shows it for the first time.
func (m *metrics) observe(name string, r syncer.Report) {
	m.mu.Lock()
	known := m.published[name].Equal(r.Since)
	m.published[name] = r.Since
	m.mu.Unlock()
	if !known && !r.PushedAt.IsZero() {
		m.latency.WithLabelValues(m.s.perSync(name)...).Observe(max(r.Since.Sub(r.PushedAt), 0).Seconds())
	}
}

func (m *metrics) delivery(name, source, outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deliveries[[3]string{name, source, outcome}]++
}

// forget removes the counts of syncs that were removed.
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

// metric is a metric of each sync that is read during the scrape.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	read       reader
}

// reader sends each value, with the values of the labels.
type reader func(r snapshot, send sender)

type sender func(value float64, labels ...string)

// The metrics that need special code.
const (
	durationName = "git_sync_duration_seconds" // a summary
	triggersName = "git_sync_triggers_total"   // those of deliveries are counted as they arrive
)

// metricRows lists the metrics. Names and labels of older versions of git-sync are kept.
func metricRows() []metric {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	status := []string{"status"}
	return []metric{
		{durationName, "Total duration and number of syncs, by result.", gauge, status, nil},
		{triggersName, "Requests for a sync, by source and outcome.", counter, []string{"source", "outcome"}, readTriggers},
		{"git_sync_count_total", "Syncs, by result.", counter, status, by(func(r snapshot) map[string]int { return r.Counts }, syncer.ResultSuccess, syncer.ResultError, syncer.ResultNoop)},
		{"git_fetch_count_total", "Fetches of objects from the remote.", counter, nil, one(func(r snapshot) int { return r.Root.Fetches })},
		{"git_sync_askpass_calls", "Answers of --askpass-url, by status.", counter, status, by(func(r snapshot) map[string]int { return r.Auth.AskpassCalls }, "success", "error")},
		{"git_sync_refresh_github_app_token_count", "Requests for GitHub App tokens, by status.", counter, status, by(func(r snapshot) map[string]int { return r.Auth.GitHubRefreshes }, "success", "error")},
		{"git_sync_hook_run_count_total", "Runs of hooks, by hook and status.", counter, []string{"name", "status"}, readHookRuns},
		{"git_sync_hook_consecutive_failures", "Runs of a hook that failed since its last success.", gauge, []string{"name"}, eachHook(func(h hook.Report) float64 { return float64(h.Failures) })},
		{"git_sync_hook_pending", "Whether a hook has not yet accepted the newest revision.", gauge, []string{"name"}, eachHook(func(h hook.Report) float64 { return yes(h.Pending != "") })},
		{"git_sync_last_success_timestamp_seconds", "When the last successful sync ended, also before a restart; 0 if there was none.", gauge, nil, one(func(r snapshot) float64 { return unix(r.LastSuccess) })},
		{"git_sync_last_attempt_timestamp_seconds", "When the last finished sync began; 0 if there was none.", gauge, nil, one(func(r snapshot) float64 { return unix(r.LastAttempt) })},
		{"git_sync_consecutive_failures", "Syncs that failed since the last success.", gauge, nil, one(func(r snapshot) int { return r.Failures })},
		{"git_sync_published_info", "The published revision, as labels; absent while there is none.", gauge, []string{"hash", "ref"}, readPublished},
		{"git_sync_published_timestamp_seconds", "When the published revision was published; 0 if there is none.", gauge, nil, one(func(r snapshot) float64 { return unix(r.Since) })},
		{"git_sync_ready", "Whether /readyz answers 200.", gauge, nil, one(func(r snapshot) float64 { return yes(r.notReady() == "") })},
		{"git_sync_stuck", "Whether the sync loop is stuck.", gauge, nil, one(func(r snapshot) float64 { return yes(r.Stuck(r.now)) })},
		{"git_sync_disk_bytes", "Bytes on disk, by part.", gauge, []string{"part"}, func(r snapshot, send sender) { send(float64(r.Root.ObjectBytes), "objects") }},
		{"git_sync_unremovable_trees", "Replaced trees that cannot be removed for now.", gauge, nil, one(func(r snapshot) int { return r.Root.Stuck })},
		{"git_sync_unverified_revisions_total", "Times that --verify kept a revision from being published.", counter, nil, one(func(r snapshot) int { return r.Root.Unverified })},
	}
}

// one reads a metric without labels.
func one[T int | float64](value func(snapshot) T) reader {
	return func(r snapshot, send sender) { send(float64(value(r))) }
}

// by reads a metric with one label. Keys without a value send 0, so that a series exists before its first event.
func by(values func(snapshot) map[string]int, keys ...string) reader {
	return func(r snapshot, send sender) {
		for _, k := range keys {
			send(float64(values(r)[k]), k)
		}
	}
}

// eachHook reads a value of each hook.
func eachHook(value func(hook.Report) float64) reader {
	return func(r snapshot, send sender) {
		for _, h := range r.Hooks {
			send(value(h), h.Name)
		}
	}
}

func readHookRuns(r snapshot, send sender) {
	for _, h := range r.Hooks {
		for _, status := range []string{hook.StatusSuccess, hook.StatusError} {
			send(float64(h.Runs[status]), h.Name, status)
		}
	}
}

func readTriggers(r snapshot, send sender) {
	for _, source := range []string{syncer.SourceStart, syncer.SourcePeriod, syncer.SourceSignal} {
		send(float64(r.Triggers[source]), source, "triggered")
	}
}

func readPublished(r snapshot, send sender) {
	if r.Published() {
		send(1, r.Hash, r.Ref)
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.latency.Describe(ch)
	for _, d := range m.desc {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	all, there := m.s.snapshots(), map[string]bool{"": true}
	for i, snap := range all {
		there[snap.Name] = true
		all[i] = snap.scrubbed(m.s.opt.Scrub)
	}
	m.forget(func(name string) bool { return !there[name] })
	m.latency.Collect(ch)
	for _, row := range m.rows {
		for _, snap := range all {
			m.collect(ch, row, snap)
		}
		if row.name == triggersName {
			m.collectDeliveries(ch, row)
		}
	}
}

// collect sends the values of one row for one sync.
func (m *metrics) collect(ch chan<- prometheus.Metric, row metric, snap snapshot) {
	if row.name != durationName {
		row.read(snap, func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(m.desc[row.name], row.kind, value, m.s.perSync(snap.Name, labels...)...)
		})
		return
	}
	for _, result := range []string{syncer.ResultSuccess, syncer.ResultError, syncer.ResultNoop} {
		count, sum := uint64(max(snap.Counts[result], 0)), snap.Durations[result].Seconds()
		ch <- prometheus.MustNewConstSummary(m.desc[row.name], count, sum, nil, m.s.perSync(snap.Name, result)...)
	}
}

// collectDeliveries sends the counts of deliveries. If a delivery triggered no sync, the name is empty.
func (m *metrics) collectDeliveries(ch chan<- prometheus.Metric, row metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, n := range m.deliveries {
		ch <- prometheus.MustNewConstMetric(m.desc[row.name], row.kind, float64(n), m.s.perSync(k[0], k[1:]...)...)
	}
}

func yes(b bool) float64 { return map[bool]float64{true: 1}[b] }

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
