// Package alerts evaluates docs/alerts.yaml, and every query of docs/monitoring.md and of the dashboard, by Prometheus' own engine
// on series that were scraped from the real server. It is a module of its own, so that the product does not depend on Prometheus.
package alerts

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"git-sync/pkg/hook"
	"git-sync/pkg/instance"
	"git-sync/pkg/receiver"
	"git-sync/pkg/repo"
	"git-sync/pkg/server"
	"git-sync/pkg/syncer"
)

// minutes is how long each scenario lasts.
const minutes = 90

func minuteAt(minute int) time.Time {
	return time.Unix(1_800_000_000, 0).Add(time.Duration(minute) * time.Minute)
}

// pod is a git-sync that is scraped once a minute.
type pod struct {
	syncs   []string // names; one that is empty for a single repository
	report  func(sync string, minute int) instance.Report
	each    func(s *server.Server, minute int)
	restart int    // the minute in which it is restarted
	invalid string // why the file of --config is ignored
	goneAt  int    // from this minute on it cannot be scraped
	removed bool   // and is no target any more
}

// record scrapes a pod each minute.
func (p pod) record(t *testing.T, into records, instanceName string) {
	t.Helper()
	var s *server.Server
	now, started := 0, 0
	for now = range minutes {
		if s == nil || p.restart > 0 && now == p.restart {
			s, started = p.start(&now), now
		}
		target := labels.FromStrings("namespace", "docs", "job", "docs/git-sync", "pod", instanceName, "instance", instanceName+":1234")
		gone := p.goneAt > 0 && now >= p.goneAt
		if !gone || !p.removed {
			up := 1.0
			if gone {
				up = 0
			}
			into.add(withName(target, "up", nil), minuteAt(now), up)
		}
		if gone || now == p.restart && p.restart > 0 {
			continue
		}
		if p.each != nil {
			p.each(s, now)
		}
		scrape(t, s, target, minuteAt(now), minuteAt(started), into)
	}
}

func (p pod) start(now *int) *server.Server {
	return server.New(server.Options{
		Build: server.Build{Version: "v1", Go: "go", Git: "2"}, Metrics: true, Receiver: true,
		InvalidConfig: func() string { return p.invalid }, Scrub: func(s string) string { return s },
		Syncs: func() []server.Sync {
			var all []server.Sync
			for _, name := range p.syncs {
				all = append(all, server.Sync{Name: name, Report: func() instance.Report { return p.report(name, *now) }})
			}
			return all
		},
	})
}

func withName(target labels.Labels, name string, more map[string]string) labels.Labels {
	b := labels.NewBuilder(target).Set(model.MetricNameLabel, name)
	for k, v := range more {
		b.Set(k, v)
	}
	return b.Labels()
}

// scrape adds the server's series at that time. The process is this test, so the time of its start is replaced.
func scrape(t *testing.T, s *server.Server, target labels.Labels, at, started time.Time, into records) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]*model.Sample, 0, len(families))
	for _, f := range families {
		v, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnixNano(at.UnixNano())}, f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v...)
	}
	for _, sample := range all {
		more := map[string]string{}
		for k, v := range sample.Metric {
			more[string(k)] = string(v)
		}
		value := float64(sample.Value)
		if more[model.MetricNameLabel] == "process_start_time_seconds" {
			value = float64(started.Unix())
		}
		into.add(withName(target, more[model.MetricNameLabel], more), at, value)
	}
}

// fresh is the report of a git-sync that is fine.
func fresh(_ string, minute int) instance.Report {
	r := syncer.Report{
		Repo: "https://example.com/docs", Ref: "main",
		Revision: syncer.Revision{Hash: "8f2a9c1d", Since: minuteAt(-60)},
		Attempt:  syncer.Attempt{LastAttempt: minuteAt(minute), LastSuccess: minuteAt(minute)},
		Totals: syncer.Totals{
			Counts: map[string]int{"success": 1, "noop": minute, "error": 0}, Triggers: map[string]int{"period": minute},
			Durations: map[string]time.Duration{"success": time.Second, "noop": time.Duration(minute) * time.Second},
		},
	}
	return instance.Report{Report: r, Hooks: []hook.Report{{Name: hook.NameExec, Runs: map[string]int{"success": 1}}}, Root: repo.Stats{Fetches: 1, ObjectBytes: 1}}
}

// nothing is the report of a git-sync that has not synced yet.
func nothing(string, int) instance.Report { return instance.Report{} }

// outage is the report of a git-sync that has had no remote since minute 5.
func outage(name string, minute int) instance.Report {
	r := fresh(name, min(minute, 5))
	r.LastAttempt, r.Failures = minuteAt(minute), max(minute-5, 0)
	return r
}

func changed(change func(r *instance.Report, minute int)) func(string, int) instance.Report {
	return func(name string, minute int) instance.Report {
		r := fresh(name, minute)
		change(&r, minute)
		return r
	}
}

func single(p pod) pod { p.syncs = []string{""}; return p }

// scenarios name each alert that is to fire, with the first minute, and no other.
func scenarios() map[string]struct {
	pod  pod
	want map[string]int
} {
	slow := func(s *server.Server, minute int) {
		r := fresh("", minute).Report
		r.Since, r.PushedAt = minuteAt(minute), minuteAt(minute-3)
		s.Observe("", r)
	}
	refuse := func(s *server.Server, minute int) {
		if minute > 10 {
			s.NoteDelivery(receiver.Delivery{Forge: "github", Outcome: "refused"})
		}
	}
	return map[string]struct {
		pod  pod
		want map[string]int
	}{
		"fresh":          {single(pod{report: fresh}), nil},
		"fresh, of many": {pod{syncs: []string{"docs", "dags"}, report: fresh}, nil},
		"restarted":      {single(pod{report: fresh, restart: 30}), nil},
		"starting": {single(pod{report: func(name string, minute int) instance.Report {
			if minute < 4 {
				return nothing(name, minute)
			}
			return fresh(name, minute)
		}}), nil},
		"never published": {single(pod{report: nothing}), map[string]int{"GitSyncNotReady": 5, "GitSyncStale": 31}},
		"never published, of many": {pod{syncs: []string{"docs", "dags"}, report: func(name string, minute int) instance.Report {
			if name == "docs" {
				return nothing(name, minute)
			}
			return fresh(name, minute)
		}}, map[string]int{"GitSyncNotReady docs": 5, "GitSyncStale docs": 31}},
		"never published, restarted":    {single(pod{report: nothing, restart: 20}), map[string]int{"GitSyncNotReady": 5, "GitSyncStale": 51}},
		"taken over, without a success": {single(pod{report: changed(func(r *instance.Report, _ int) { r.LastSuccess = time.Time{} })}), map[string]int{"GitSyncStale": 31}},
		"stale":                         {single(pod{report: outage}), map[string]int{"GitSyncFailing": 13, "GitSyncStale": 36}},
		"stale, and restarted twice an hour": {single(pod{report: func(name string, minute int) instance.Report {
			r := outage(name, minute)
			r.Failures = max(minute-5, 0) % 20 // a restart begins to count anew, but knows of the last success
			return r
		}, restart: 25}), map[string]int{"GitSyncFailing": 13, "GitSyncStale": 36}},
		"one of many is stale": {pod{syncs: []string{"dags", "docs"}, report: func(name string, minute int) instance.Report {
			if name == "docs" {
				return outage(name, minute)
			}
			return fresh(name, minute)
		}}, map[string]int{"GitSyncFailing docs": 13, "GitSyncStale docs": 36}},
		"cannot be scraped":     {single(pod{report: fresh, goneAt: 20}), map[string]int{"GitSyncDown": 25}},
		"no target any more":    {single(pod{report: fresh, goneAt: 20, removed: true}), map[string]int{"GitSyncMissing": 34}},
		"stuck":                 {single(pod{report: changed(func(r *instance.Report, _ int) { r.Deadline = time.Now().Add(-time.Hour) })}), map[string]int{"GitSyncStuck": 2}},
		"invalid configuration": {pod{syncs: []string{"docs"}, report: fresh, invalid: "no"}, map[string]int{"GitSyncConfigInvalid": 5}},
		"hook":                  {single(pod{report: changed(func(r *instance.Report, minute int) { r.Hooks[0].Failures = minute })}), map[string]int{"GitSyncHookFailing": 8}},
		"slow pushes":           {single(pod{report: fresh, each: slow}), map[string]int{"GitSyncPushSlow": 11}},
		"refused pushes":        {single(pod{report: fresh, each: refuse}), map[string]int{"GitSyncPushesRefused": 21}},
		"not signed":            {single(pod{report: changed(func(r *instance.Report, minute int) { r.Root.Unverified = minute / 30 })}), map[string]int{"GitSyncUnverifiedRevision": 30}},
		"trees are left":        {single(pod{report: changed(func(r *instance.Report, _ int) { r.Root.Stuck = 2 })}), map[string]int{"GitSyncTreesLeft": 60}},
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestAlerts: in each scenario exactly the right alerts fire, and every alert fires in one.
func TestAlerts(t *testing.T) {
	engine, rules := newEngine(), parseRules(t, read(t, "alerts.yaml"))
	untested := map[string]bool{}
	for _, r := range rules {
		untested[r.Alert] = true
	}
	for name, c := range scenarios() {
		all := records{}
		c.pod.record(t, all, "docs-1")
		got := map[string]int{}
		for _, one := range rules {
			for _, f := range all.fires(t, engine, one, minutes) {
				delete(untested, one.Alert)
				key := strings.TrimSpace(one.Alert + " " + f.sync)
				if _, again := got[key]; !again {
					got[key] = f.minute
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%s: %v fire, want %v", name, got, c.want)
		}
	}
	for name := range untested {
		t.Errorf("%s fires in no scenario", name)
	}
}

// TestQueriesAnswer: each query of the page and of the dashboard is valid, and has an answer for one repository and for many.
func TestQueriesAnswer(t *testing.T) {
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, "grafana-dashboard.json"), &board); err != nil {
		t.Fatal(err)
	}
	var queries []string
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			queries = append(queries, target.Expr)
		}
	}
	for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(string(read(t, "monitoring.md")), -1) {
		queries = append(queries, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	if len(queries) < 20 {
		t.Fatalf("only %d queries", len(queries))
	}
	variables := strings.NewReplacer("$namespace", ".*", "$pod", ".*", "$sync", ".*", "$__rate_interval", "5m")
	engine := newEngine()
	for _, names := range [][]string{{""}, {"docs", "dags"}} {
		all := records{}
		pod{syncs: names, report: fresh, each: func(s *server.Server, minute int) {
			r := fresh("", minute).Report
			r.Since, r.PushedAt = minuteAt(minute), minuteAt(minute).Add(-time.Second)
			s.Observe(names[0], r)
			s.NoteDelivery(receiver.Delivery{Forge: "github", Outcome: "triggered", Sync: names[0]})
			s.ObserveGit("fetch", time.Second)
		}}.record(t, all, "docs-1")
		for _, q := range queries {
			if v := all.ask(t, engine, variables.Replace(q), minuteAt(minutes-1)); len(v) == 0 {
				t.Errorf("%q: no answer to %s", names, q)
			}
		}
	}
}
