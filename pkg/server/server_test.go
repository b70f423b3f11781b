package server

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/auth"
	"git-sync/pkg/hook"
	"git-sync/pkg/instance"
	"git-sync/pkg/receiver"
	"git-sync/pkg/repo"
	"git-sync/pkg/syncer"
)

const (
	hashA = "8f2a9c1d4e5b60718293a4b5c6d7e8f901234567"
	hashB = "0123456789abcdef0123456789abcdef01234567"
)

// get asks a server, without a network.
func get(s http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	return w
}

// newServer returns a Server. By default it has one sync, which has not started, and there are no secrets.
func newServer(o Options) *Server {
	if o.Syncs == nil {
		o.Syncs = func() []Sync { return []Sync{{Report: func() instance.Report { return instance.Report{} }}} }
	}
	if o.InvalidConfig == nil {
		o.InvalidConfig = func() string { return "" }
	}
	if o.Scrub == nil {
		o.Scrub = func(s string) string { return s }
	}
	return New(o)
}

// watched is a Server of one sync whose report the test sets.
type watched struct {
	*Server
	report   instance.Report
	settings Settings
}

// watch makes a Server of one unnamed sync.
func watch(o Options, maxStaleness time.Duration) *watched {
	w := &watched{}
	o.Syncs = func() []Sync {
		return []Sync{{MaxStaleness: maxStaleness, Settings: w.settings, Report: func() instance.Report { return w.report }}}
	}
	w.Server = newServer(o)
	return w
}

// show gives the sync another report.
func (w *watched) show(r syncer.Report) {
	w.report.Report = r
	w.Observe("", r)
}

// TestProbes goes through a life: nothing, published, remote away, loop stuck, and back.
func TestProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := watch(Options{}, time.Minute)
		check := func(when string, root, live, ready int) {
			t.Helper()
			for path, want := range map[string]int{"/": root, "/livez": live, "/healthz": live, "/readyz": ready} {
				if w := get(s, path); w.Code != want {
					t.Errorf("%s: %s: %d (%s), want %d", when, path, w.Code, strings.TrimSpace(w.Body.String()), want)
				}
			}
		}
		check("before the loop has started", 503, 200, 503)

		now := time.Now()
		r := syncer.Report{Deadline: now.Add(120 * time.Second), Attempt: syncer.Attempt{Running: true, Started: now}}
		s.show(r)
		check("first sync under way", 503, 200, 503)

		r = syncer.Report{Deadline: now.Add(30 * time.Second), Revision: syncer.Revision{Hash: hashA, Since: now}, Attempt: syncer.Attempt{LastSuccess: now}}
		s.show(r)
		check("published", 200, 200, 200)

		time.Sleep(31 * time.Second)
		check("no sync when one was due", 200, 503, 200)

		r.Failures, r.LastError, r.Deadline = 1, "no route to host", time.Now().Add(time.Hour)
		s.show(r)
		check("the remote is away", 200, 200, 200)

		time.Sleep(30 * time.Second)
		check("for longer than --max-staleness", 200, 200, 503)

		r.Failures, r.LastSuccess = 0, time.Now()
		s.show(r)
		check("and back", 200, 200, 200)

		s.show(syncer.Report{Revision: syncer.Revision{Hash: hashA, Since: now}})
		check("restarted on what was published, not yet polled, staleness bounded", 200, 200, 503)
	})
}

// TestUnusable is about a tree that is published and must not be used: /readyz says so, and / until this process has once succeeded.
func TestUnusable(t *testing.T) {
	why := "it has not been checked yet"
	s := watch(Options{Metrics: true}, 0)
	s.report.Unusable = why
	check := func(when string, root, ready int) {
		t.Helper()
		for path, want := range map[string]int{"/": root, "/livez": 200, "/readyz": ready} {
			if w := get(s, path); w.Code != want || w.Code != 200 && !strings.Contains(w.Body.String(), why) {
				t.Errorf("%s: %s: %d (%s), want %d", when, path, w.Code, strings.TrimSpace(w.Body.String()), want)
			}
		}
		if got := get(s, "/metrics").Body.String(); strings.Contains(got, "git_sync_ready 1") != (ready == 200) {
			t.Errorf("%s: git_sync_ready says otherwise", when)
		}
	}
	s.show(syncer.Report{Revision: syncer.Revision{Hash: hashA}})
	check("found at the start", 503, 503)
	s.report.Unusable = ""
	check("found intact", 200, 200)
	s.show(syncer.Report{Revision: syncer.Revision{Hash: hashA}, Totals: syncer.Totals{Counts: map[string]int{syncer.ResultSuccess: 1}}})
	check("after a sync", 200, 200)
	why = "it is gone"
	s.report.Unusable = why
	check("lost", 200, 503)
	s.show(syncer.Report{Revision: syncer.Revision{Hash: hashA}, Attempt: syncer.Attempt{LastSuccess: time.Now()}})
	check("lost, and the last success was before a restart", 503, 503)
	why = "another git-sync holds the root"
	s.report.Root.Waiting = why
	check("while another process repairs it", 503, 503)
	s.show(syncer.Report{})
	check("nothing published, and another process holds the root", 503, 503)
}

// TestStates: each state has its word, for programs and for people.
func TestStates(t *testing.T) {
	now := time.Now()
	published := syncer.Report{Revision: syncer.Revision{Hash: hashA}, Attempt: syncer.Attempt{LastSuccess: now, LastResult: syncer.ResultNoop}}
	found := syncer.Report{Revision: syncer.Revision{Hash: hashA}, Attempt: syncer.Attempt{LastSuccess: now}} // published by an earlier process
	failing, stuck, old := published, published, published
	failing.Failures, stuck.Deadline, old.LastSuccess = 1, now.Add(-time.Hour), now.Add(-time.Hour)
	hooks := []hook.Report{{Name: hook.NameExec}, {Name: hook.NameWebhook, Failures: 1, LastError: "refused"}}
	for _, c := range []struct {
		state  string
		report instance.Report
		words  string
	}{
		{stateStarting, instance.Report{}, "Starting"},
		{stateStarting, instance.Report{Report: found}, "Starting"},
		{stateFresh, instance.Report{Report: published, Hooks: hooks[:1]}, "Up to date"},
		{stateHook, instance.Report{Report: published, Hooks: hooks}, "A hook fails"},
		{stateFailing, instance.Report{Report: failing, Hooks: hooks}, "Failing"},
		{stateStale, instance.Report{Report: old, Hooks: hooks}, "Stale"},
		{stateStuck, instance.Report{Report: stuck}, "Stuck"},
	} {
		state := c.state
		s := watch(Options{}, time.Minute)
		s.report = c.report
		if body := get(s, "/status").Body.String(); !strings.Contains(body, `"state": "`+state+`"`) {
			t.Errorf("%s: %s", state, body)
		}
		if body := get(s, "/status", "Accept", "text/html").Body.String(); !strings.Contains(body, "</span>"+c.words+"</p>") {
			t.Errorf("%s: no %q in the page", state, c.words)
		}
	}
}

// TestDeliveries: what differs only in time and sender is one entry, so that a flood does not replace the others, and the number
// of entries is bounded.
func TestDeliveries(t *testing.T) {
	s := pair(instance.Report{})
	push := receiver.Delivery{Forge: "github", Event: "push", Repository: "team/docs", Ref: "refs/heads/main", Outcome: "triggered", Sync: "docs"}
	s.NoteDelivery(push)
	for i := range 1000 {
		s.NoteDelivery(receiver.Delivery{Time: time.Unix(int64(i), 0), From: fmt.Sprint(i), Forge: "github", Outcome: "refused", Reason: "hunter2"})
	}
	var all overview
	if err := json.Unmarshal(get(s, "/status").Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	refused := receiver.Delivery{Time: time.Unix(999, 0).UTC(), From: "999", Forge: "github", Outcome: "refused", Reason: "REDACTED"}
	if want := []delivery{{push, 1}, {refused, 1000}}; !slices.Equal(all.Deliveries, want) {
		t.Errorf("%+v, want %+v", all.Deliveries, want)
	}
	var docs status
	if err := json.Unmarshal(get(s, "/status/docs").Body.Bytes(), &docs); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(docs.Deliveries, []delivery{{push, 1}}) {
		t.Errorf("of docs: %+v", docs.Deliveries)
	}
	for i := range 1000 {
		s.NoteDelivery(receiver.Delivery{Ref: fmt.Sprint(i)})
	}
	if got := s.deliveries.list("", s.opt.Scrub); len(got) != maxDeliveries || got[maxDeliveries-1].Ref != "999" {
		t.Errorf("%d entries, the last of %s", len(got), got[len(got)-1].Ref)
	}
	if off := get(newServer(Options{}), "/status").Body.String(); strings.Contains(off, "deliveries") {
		t.Error("deliveries are shown without a receiver")
	}
}

func TestReadyWithoutStaleness(t *testing.T) {
	s := watch(Options{}, 0)
	s.show(syncer.Report{Revision: syncer.Revision{Hash: hashA}, Attempt: syncer.Attempt{LastSuccess: time.Unix(0, 0)}})
	if w := get(s, "/readyz"); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// full is a server in the middle of its life, with a secret wherever one could have got to.
func full(t *testing.T) *watched {
	t.Helper()
	now := time.Now()
	s := watch(Options{
		Build:   Build{Version: "v1.2.3", Commit: "abc", Go: "go1.26", Git: "2.39.5"},
		Metrics: true, Pprof: true, Receiver: true,
		Scrub: func(text string) string { return strings.ReplaceAll(text, "hunter2", "REDACTED") },
		Log:   logr.Discard(),
	}, 0)
	s.settings = Settings{Link: "/git/current", Period: "30s", Budget: "never exits for failures"}
	s.report = instance.Report{
		Commit: repo.Commit{Hash: hashA, Subject: "Add hunter2 <b>", Authored: now.Add(-time.Hour)},
		Hooks: []hook.Report{
			{Name: hook.NameExec, Runs: map[string]int{"success": 3, "error": 1}, Delivered: hashA, LastRun: now, LastDuration: time.Second},
			{Name: hook.NameWebhook, Runs: map[string]int{"error": 4}, Pending: hashA, Failures: 4, LastError: "hunter2 <script>alert(1)</script>", LastHint: "not hunter2", LastErrorAt: now},
		},
		Root: repo.Stats{Fetches: 3, ObjectBytes: 4096, Stuck: 1, Unverified: 2},
		Auth: auth.Report{AskpassCalls: map[string]int{"success": 1}, GitHubRefreshes: map[string]int{"error": 2}},
	}
	r := syncer.Report{
		Repo:     "https://example.com/hunter2.git",
		Ref:      "main-hunter2",
		Next:     now.Add(time.Minute),
		Deadline: now.Add(time.Hour),
		Revision: syncer.Revision{Hash: hashA, PreviousHash: hashB, Since: now.Add(-time.Minute), PushedAt: now.Add(-time.Minute - 800*time.Millisecond)},
		Attempt:  syncer.Attempt{LastAttempt: now.Add(-2 * time.Second), LastSuccess: now.Add(-30 * time.Second), LastDuration: 1500 * time.Millisecond, LastResult: syncer.ResultError, Trigger: syncer.SourceReceiver},
		Failure:  syncer.Failure{LastError: "hunter2 <script>alert(1)</script>", LastHint: "change hunter2 & <b>", LastErrorAt: now, Failures: 2, FailingSince: now.Add(-time.Minute), LastRemote: "no hunter2\nhere", LastHelper: "ssh: hunter2"},
		Totals:   syncer.Totals{Counts: map[string]int{"success": 3, "noop": 10, "error": 2}, Triggers: map[string]int{"start": 1, "period": 12, "signal": 2, "receiver": 4}, Durations: map[string]time.Duration{"success": 3 * time.Second, "noop": time.Second, "error": 2 * time.Second}},
	}
	for i := range 30 {
		e := syncer.Event{Time: now.Add(time.Duration(i-30) * time.Minute), Duration: time.Duration(i*40+5) * time.Millisecond, Result: syncer.ResultSuccess, Hash: hashB, Trigger: syncer.SourcePeriod}
		if i%7 == 3 {
			e.Result, e.Hash, e.Error = syncer.ResultError, "", "asking the remote: hunter2: connection refused"
		}
		r.History = append(r.History, e)
	}
	s.show(r)
	s.NoteDelivery(receiver.Delivery{Sync: "", Forge: "github", Outcome: "triggered"})
	s.NoteDelivery(receiver.Delivery{Sync: "", Forge: "github", Outcome: "triggered"})
	s.NoteDelivery(receiver.Delivery{Time: now, Forge: "gitlab", Event: "hunter2", Repository: "team/hunter2", Ref: "hunter2", Outcome: "ignored", Reason: "not hunter2 <i>", Sync: "", From: "192.0.2.1:1"})
	s.NoteDelivery(receiver.Delivery{Sync: "", Forge: "unknown", Outcome: "refused"})
	s.ObserveGit("fetch", 300*time.Millisecond)
	return s
}

func TestStatusJSON(t *testing.T) {
	w := get(full(t), "/status", "Accept", "*/*")
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("type %s", ct)
	}
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	published := got["published"].(map[string]any)
	for k, want := range map[string]any{
		"state": "failing", "ready": true, "live": true, "repo": "https://example.com/REDACTED.git", "ref": "main-REDACTED",
		"lastResult": "error", "consecutiveFailures": 2.0, "lastTrigger": "receiver", "lastDurationSeconds": 1.5,
	} {
		if got[k] != want {
			t.Errorf("%s = %v, want %v", k, got[k], want)
		}
	}
	if published["hash"] != hashA || published["previousHash"] != hashB || published["pushToPublishSeconds"] != 0.8 {
		t.Errorf("published: %v", published)
	}
	if e := got["lastError"].(map[string]any); e["remote"] != "no REDACTED\nhere" || e["helper"] != "ssh: REDACTED" {
		t.Errorf("last error: %v", e)
	}
	if h := got["history"].([]any); len(h) != 30 {
		t.Errorf("%d events", len(h))
	}
}

// TestStatusBeforeAnything: an empty status is valid too, with empty lists rather than null.
func TestStatusBeforeAnything(t *testing.T) {
	body := get(newServer(Options{}), "/status").Body.String()
	for _, want := range []string{`"published": null`, `"hooks": []`, `"history": []`, `"syncs": {}`, `"state": "starting"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if strings.Contains(body, "0001-01-01") {
		t.Errorf("a zero time is shown: %s", body)
	}
	if page := get(newServer(Options{}), "/status", "Accept", "text/html").Body.String(); !strings.Contains(page, "Starting") || strings.Contains(page, "0001-01-01") {
		t.Errorf("page: %s", page)
	}
}

func TestStatusPage(t *testing.T) {
	s := full(t)
	w := get(s, "/status", "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	body := w.Body.String()
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for _, want := range []string{
		"Failing", `<code id="hash">` + hashA + "<", "Add REDACTED &lt;b&gt;", "failing since", "/git/current", "30s", "never exits for failures", s.host,
		"not REDACTED &lt;i&gt;", "2 ×", ">live<", ">ready<", "What to do:", "change REDACTED &amp; &lt;b&gt;", "&lt;script&gt;", "webhook", "v1.2.3", "2 failed syncs in a row",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for _, never := range []string{"<script", "src=", "<link", "@import", "url(", "ZgotmplZ", "<no value>", "%!"} {
		if strings.Contains(body, never) {
			t.Errorf("%q is in the page", never)
		}
	}
	// The policy lets in the style that is in the page, and nothing else.
	_, css, _ := strings.Cut(body, "<style>")
	css, _, _ = strings.Cut(css, "</style>")
	sum := sha256.Sum256([]byte(css))
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %s", policy)
	}
}

// TestNoSecretIsServed is fault X1 at this door: whatever the layers below let through.
func TestNoSecretIsServed(t *testing.T) {
	s := full(t)
	for _, c := range [][2]string{{"/status", "text/html"}, {"/status", ""}, {"/metrics", ""}, {"/readyz", ""}, {"/debug/pprof/cmdline", ""}, {"/debug/pprof/goroutine?debug=2", ""}} {
		w := get(s, c[0], "Accept", c[1])
		if strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%v: %s", c, w.Body)
		}
	}
	if w := get(s, "/debug/pprof/cmdline"); w.Code != 404 {
		t.Errorf("cmdline: %d", w.Code)
	}
}

// TestSecretsLearnedLater: what becomes known as a secret after a report is not served of that report either.
func TestSecretsLearnedLater(t *testing.T) {
	secret := "not known yet"
	s := watch(Options{Metrics: true, Scrub: func(text string) string { return strings.ReplaceAll(text, secret, "REDACTED") }}, 0)
	r := syncer.Report{Ref: "hunter2", History: []syncer.Event{{Error: "hunter2"}}, Revision: syncer.Revision{Hash: hashA}, Failure: syncer.Failure{LastError: "hunter2"}}
	s.show(r)
	secret = "hunter2"
	for _, path := range []string{"/status", "/metrics"} {
		if body := get(s, path).Body.String(); strings.Contains(body, "hunter2") || !strings.Contains(body, "REDACTED") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if r.History[0].Error != "hunter2" {
		t.Error("the loop's own history was written to")
	}
}

func TestAccept(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/html": true, "text/html, application/json;q=0.9": true,
		"application/json, text/html;q=0.9": false, "text/html;q=0": false, ";;;,,text/html;q=x": true, "text/*": false,
	} {
		if got := wantsHTML(accept); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	f.Add("text/html;q=1e999, ;q=")
	f.Fuzz(func(t *testing.T, accept string) {
		if wantsHTML(accept) && !strings.Contains(strings.ToLower(accept), "html") {
			t.Errorf("%q", accept)
		}
	})
}

// TestRoutes: what was not asked for is not there; a receiver can share the port; its own port has nothing else (X6).
func TestRoutes(t *testing.T) {
	plain := newServer(Options{})
	for path, want := range map[string]int{"/metrics": 404, "/debug/pprof/": 404, "/debug/pprof/heap": 404, "/nonesuch": 404, "/livez/": 404, "/status": 200} {
		if w := get(plain, path); w.Code != want {
			t.Errorf("plain: %s: %d, want %d", path, w.Code, want)
		}
	}
	s := full(t)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/symbol"} {
		if w := get(s, path); w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	s.Handle("/webhook", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }))
	s.Handle("/status", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }))
	for _, path := range []string{"/webhook", "/status"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		if w.Code != 202 {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	if w := get(s, "/status"); w.Code != 200 {
		t.Errorf("GET /status: %d", w.Code)
	}
}

// listening serves on loopback; stop waits until it has ended.
func listening(t *testing.T, serve func(context.Context, net.Listener) error) (addr string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l) }()
	stop = func() error { cancel(); return <-done }
	t.Cleanup(cancel)
	return l.Addr().String(), stop
}

func TestReceiverPortHasNothingElse(t *testing.T) {
	addr, stop := listening(t, func(ctx context.Context, l net.Listener) error {
		return ServeOnly(ctx, l, "/webhook", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }), logr.Discard())
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]int{"/webhook": 202, "/": 404, "/metrics": 404, "/debug/pprof/": 404, "/status": 404, "/livez": 404, "/webhook/x": 404, "/debug/pprof/heap": 404} {
		res, err := client.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestStopping: a request under way does not hold up the end, and its handler is told.
func TestStopping(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	s := newServer(Options{})
	s.Handle("/slow", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	}))
	addr, stop := listening(t, s.Serve)
	go func() {
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Post("http://"+addr+"/slow", "", nil)
		if err == nil {
			res.Body.Close()
		}
	}()
	<-entered
	if err := stop(); err != nil {
		t.Error(err)
	}
	<-left
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

// TestListenerThatFails: an end that nobody asked for is an error.
func TestListenerThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := newServer(Options{}).Serve(t.Context(), l); err == nil {
		t.Error("no error")
	}
}

func TestHugeHeaders(t *testing.T) {
	addr, stop := listening(t, newServer(Options{}).Serve)
	defer func() { _ = stop() }()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", 64<<10))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, " 431 ") {
		t.Errorf("%q, %v", line, err)
	}
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 999 * time.Millisecond: "999ms", time.Second: "1s", 1500 * time.Millisecond: "1.5s", 42 * time.Second: "42s",
		time.Minute: "1m0s", 61 * time.Second: "1m1s", 3*time.Hour + 59*time.Second: "3h0m", 50 * time.Hour: "2d2h",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
