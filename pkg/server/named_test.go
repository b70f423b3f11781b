package server

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/instance"
	"git-sync/pkg/receiver"
	"git-sync/pkg/syncer"
)

// pair is a Server of the syncs "docs", which is fine, and "dags", as given.
func pair(dags instance.Report) *Server {
	now := time.Now()
	docs := instance.Report{Report: syncer.Report{
		Repo:     "https://example.com/docs.git",
		Ref:      "main",
		Deadline: now.Add(time.Hour),
		Revision: syncer.Revision{Hash: hashA, Since: now},
		Attempt:  syncer.Attempt{LastSuccess: now},
		Totals:   syncer.Totals{Counts: map[string]int{"success": 1}},
	}}
	syncs := []Sync{
		{Name: "docs", Report: func() instance.Report { return docs }},
		{Name: "dags", Report: func() instance.Report { return dags }, MaxStaleness: time.Minute},
	}
	s := newServer(Options{Metrics: true, Receiver: true, Syncs: func() []Sync { return syncs }, Scrub: func(t string) string { return strings.ReplaceAll(t, "hunter2", "REDACTED") }})
	s.Observe("docs", docs.Report)
	s.Observe("dags", dags.Report)
	return s
}

// TestProbesOfAll: the probes without a name are about all syncs and say which is to blame.
func TestProbesOfAll(t *testing.T) {
	now := time.Now()
	fine := syncer.Report{Totals: syncer.Totals{Counts: map[string]int{syncer.ResultSuccess: 1}}, Deadline: now.Add(time.Hour), Revision: syncer.Revision{Hash: hashB}, Attempt: syncer.Attempt{LastSuccess: now}}
	stuck := fine
	stuck.Deadline = now.Add(-time.Hour)
	for name, tc := range map[string]struct {
		dags              instance.Report
		root, live, ready int
		says              string
	}{
		"fine":          {instance.Report{Report: fine}, 200, 200, 200, "ok"},
		"not published": {instance.Report{}, 503, 200, 503, "dags: nothing is published yet"},
		"stuck":         {instance.Report{Report: stuck}, 200, 503, 200, "dags: stuck"},
		"stale":         {instance.Report{Report: syncer.Report{Revision: syncer.Revision{Hash: hashB}, Attempt: syncer.Attempt{LastSuccess: now.Add(-time.Hour)}}}, 200, 200, 503, "dags: the last successful sync"},
		"unusable":      {instance.Report{Report: fine, Unusable: "hunter2 is gone"}, 200, 200, 503, "dags: REDACTED is gone"},
	} {
		s := pair(tc.dags)
		for path, want := range map[string]int{
			"/": tc.root, "/livez": tc.live, "/readyz": tc.ready, "/readyz/docs": 200, "/readyz/dags": tc.ready, "/readyz/other": 404,
		} {
			w := get(s, path)
			if w.Code != want || w.Code == 503 && path != "/readyz/dags" && !strings.Contains(w.Body.String(), tc.says) {
				t.Errorf("%s: %s: %d %s, want %d", name, path, w.Code, w.Body, want)
			}
		}
	}
}

// TestStatusOfAll: the list leads to each sync.
func TestStatusOfAll(t *testing.T) {
	s := pair(instance.Report{Report: syncer.Report{Failure: syncer.Failure{Failures: 3, LastError: "hunter2", LastErrorAt: time.Now()}}})
	var all overview
	if err := json.Unmarshal(get(s, "/status").Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Syncs) != 2 || all.State != stateFailing || all.Ready || !all.Live || all.Reason != "dags: nothing is published yet" {
		t.Errorf("%+v", all)
	}
	for _, one := range all.Syncs {
		var st status
		if err := json.Unmarshal(get(s, one.Path).Body.Bytes(), &st); err != nil || st.Name != one.Name || st.State != one.State {
			t.Errorf("%s: %v, %+v", one.Path, err, st)
		}
	}
	page := get(s, "/status", "Accept", "text/html").Body.String()
	for _, want := range []string{`href="/status/docs"`, `href="/status/dags"`, hashA[:12], "REDACTED", ">Failing<"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in the page", want)
		}
	}
	if strings.Contains(page, "hunter2") {
		t.Error("a secret is in the page")
	}
	if one := get(s, "/status/docs", "Accept", "text/html").Body.String(); !strings.Contains(one, "docs") || !strings.Contains(one, `href="/status"`) {
		t.Errorf("%s", one)
	}
	if w := get(s, "/status/other"); w.Code != 404 {
		t.Errorf("another name: %d", w.Code)
	}
}

// TestMetricsOfAll: each sync has its series, with its name as a label.
func TestMetricsOfAll(t *testing.T) {
	now := time.Now()
	s := pair(instance.Report{Report: syncer.Report{Revision: syncer.Revision{Hash: hashB, Since: now, PushedAt: now.Add(-time.Second)}}})
	s.NoteDelivery(receiver.Delivery{Sync: "dags", Forge: "github", Outcome: "triggered"})
	s.NoteDelivery(receiver.Delivery{Sync: "", Forge: "unknown", Outcome: "refused"})
	got := scrape(t, s)
	for _, want := range []string{
		`git_sync_count_total{status="success",sync="docs"} 1`, `git_sync_count_total{status="success",sync="dags"} 0`,
		`git_sync_ready{sync="docs"} 1`, `git_sync_published_info{hash="` + hashB + `",ref="",sync="dags"} 1`,
		`git_sync_push_to_publish_seconds_count{sync="dags"} 1`, `git_sync_duration_seconds_count{status="noop",sync="docs"} 0`,
		`git_sync_triggers_total{outcome="triggered",source="github",sync="dags"} 1`, `git_sync_triggers_total{outcome="refused",source="unknown",sync=""} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(get(newServer(Options{Metrics: true}), "/metrics").Body.String(), "sync=") {
		t.Error("the only sync has a label")
	}
}

// TestMetricsOfRemoved: a sync that is removed takes its series along, and comes back without them.
func TestMetricsOfRemoved(t *testing.T) {
	one := []Sync{{Name: "dags", Report: func() instance.Report { return instance.Report{} }}}
	syncs := one
	s := newServer(Options{Metrics: true, Receiver: true, Syncs: func() []Sync { return syncs }})
	now := time.Now()
	s.Observe("dags", syncer.Report{Revision: syncer.Revision{Hash: hashB, Since: now, PushedAt: now.Add(-time.Second)}})
	s.NoteDelivery(receiver.Delivery{Sync: "dags", Forge: "github", Outcome: "triggered"})
	if got := scrape(t, s); !strings.Contains(got, `seconds_count{sync="dags"} 1`) || !strings.Contains(got, `source="github",sync="dags"} 1`) {
		t.Fatal(got)
	}
	syncs = nil
	if got := scrape(t, s); strings.Contains(got, `"dags"`) {
		t.Error(got)
	}
	syncs = one
	if got := scrape(t, s); strings.Contains(got, `seconds_count{sync="dags"}`) || strings.Contains(got, `source="github"`) {
		t.Error(got)
	}
}

// TestOverviewMembers: every member of the list is on the page about monitoring.
func TestOverviewMembers(t *testing.T) {
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Syncs []map[string]any }
	if err := json.Unmarshal(get(pair(instance.Report{}), "/status").Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	for k := range all.Syncs[0] {
		if !strings.Contains(string(page), "`"+k+"`") {
			t.Errorf("%s is not documented", k)
		}
	}
}
