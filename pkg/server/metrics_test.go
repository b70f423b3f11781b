package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/syncer"
)

func scrape(t *testing.T, s interface {
	Serve(context.Context, net.Listener) error
},
) string {
	t.Helper()
	addr, stop := listening(t, s.Serve)
	defer func() { _ = stop() }()
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%d, %v: %s", res.StatusCode, err, b)
	}
	return string(b)
}

func TestMetricValues(t *testing.T) {
	got := scrape(t, full(t))
	for _, want := range []string{
		`git_sync_count_total{status="success"} 3`, `git_sync_count_total{status="noop"} 10`, `git_sync_count_total{status="error"} 2`,
		`git_sync_duration_seconds_sum{status="success"} 3`, `git_sync_duration_seconds_count{status="noop"} 10`, "# TYPE git_sync_duration_seconds summary",
		`git_fetch_count_total 3`, "# TYPE git_fetch_count_total counter",
		`git_sync_askpass_calls{status="success"} 1`, `git_sync_askpass_calls{status="error"} 0`, `git_sync_refresh_github_app_token_count{status="error"} 2`,
		`git_sync_hook_run_count_total{name="exechook",status="success"} 3`, `git_sync_hook_run_count_total{name="webhook",status="success"} 0`,
		`git_sync_hook_consecutive_failures{name="webhook"} 4`, `git_sync_hook_pending{name="webhook"} 1`, `git_sync_hook_pending{name="exechook"} 0`,
		`git_sync_triggers_total{outcome="triggered",source="github"} 2`, `git_sync_triggers_total{outcome="triggered",source="signal"} 2`, `git_sync_triggers_total{outcome="refused",source="unknown"} 1`,
		`git_sync_consecutive_failures 2`, `git_sync_ready 1`, `git_sync_stuck 0`,
		`git_sync_published_info{hash="` + hashA + `",ref="main-REDACTED"} 1`,
		`git_sync_push_to_publish_seconds_count 1`, `git_sync_push_to_publish_seconds_bucket{le="1"} 1`,
		`git_sync_git_command_duration_seconds_count{command="fetch"} 1`,
		`git_sync_disk_bytes{part="objects"} 4096`, `git_sync_unremovable_trees 1`, `git_sync_unverified_revisions_total 2`,
		`git_sync_build_info{commit="abc",git_version="2.39.5",go_version="go1.26",version="v1.2.3"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(scrape(t, newServer(Options{Metrics: true})), "git_sync_published_info{") {
		t.Error("published info though nothing is published")
	}
}

// TestLatencyCountsPublications: once each, however many reports tell of it; polls not at all.
func TestLatencyCountsPublications(t *testing.T) {
	s := watch(Options{Metrics: true}, 0)
	now := time.Now()
	r := syncer.Report{Revision: syncer.Revision{Hash: hashA, Since: now}}
	s.show(r)
	r.Hash, r.PushedAt, r.Since = hashB, now, now.Add(time.Second)
	s.show(r)
	r.Running = true
	s.show(r)
	r.Hash, r.PushedAt, r.Since = hashA, time.Time{}, now.Add(2*time.Second)
	s.show(r)
	if got := scrape(t, s); !strings.Contains(got, "git_sync_push_to_publish_seconds_count 1\n") || !strings.Contains(got, "git_sync_push_to_publish_seconds_sum 1\n") {
		t.Errorf("%s", got)
	}
}
