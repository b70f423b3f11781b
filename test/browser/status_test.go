// Package browser looks at the status page with a real browser. It is a module of its own, so that the product
// does not depend on what drives the browser.
//
// `go test -artifacts` keeps the screenshots, and says where.
package browser

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"image"
	"image/png"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"git-sync/pkg/hook"
	"git-sync/pkg/instance"
	"git-sync/pkg/receiver"
	"git-sync/pkg/repo"
	"git-sync/pkg/server"
	"git-sync/pkg/syncer"
)

const (
	hashNew = "8f2a9c1d4e5b60718293a4b5c6d7e8f901234567"
	hashOld = "c9a6fc1c725ff49fda06e97ea551049973a9d7b4"
)

// chromium finds the browser, or skips; under CI it has to be there.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no chromium: install the Debian package chromium")
	}
	t.Skip("no chromium: install the Debian package chromium to have this tested")
	return ""
}

// browser starts one, without a sandbox (tests may run as root) and with a profile of its own.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("no-proxy-server", true),
		chromedp.WSURLReadTimeout(60*time.Second),
	)
	ctx, stop := context.WithTimeout(t.Context(), 8*time.Minute)
	t.Cleanup(stop)
	ctx, stopAlloc := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stopAlloc)
	ctx, closeBrowser := chromedp.NewContext(ctx)
	t.Cleanup(closeBrowser)
	return ctx
}

// serve answers on loopback with a status, and returns the page's address. With names there is a sync of each.
func serve(t *testing.T, r syncer.Report, hooks []hook.Report, names ...string) string {
	t.Helper()
	report := instance.Report{Report: r, Hooks: hooks}
	if r.Hash != "" {
		report.Commit = repo.Commit{Hash: r.Hash, Subject: "Explain how to rotate the deploy key without a restart", Authored: r.Since.Add(-3 * time.Minute)}
	}
	var syncs []server.Sync
	for _, name := range append(names, "")[:max(len(names), 1)] {
		syncs = append(syncs, server.Sync{
			Name: name, MaxStaleness: 10 * time.Minute, Report: func() instance.Report { return report },
			Settings: server.Settings{Link: "/git/templates", Period: "1h0m0s", Budget: "exits at consecutive failure 7 (--max-sync-failures=6)"},
		})
	}
	s := server.New(server.Options{
		Build: server.Build{Version: "v1.0.0", Git: "2.39.5"}, Receiver: true,
		Syncs:         func() []server.Sync { return syncs },
		InvalidConfig: func() string { return "" }, Scrub: func(s string) string { return s },
	})
	if r.Hash != "" {
		deliver(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String() + "/status"
}

// deliver brings some deliveries.
func deliver(s *server.Server) {
	push := receiver.Delivery{Time: time.Now().Add(-4 * time.Minute), Forge: "github", Event: "push", Repository: "example-organisation/templater-templates", Ref: "refs/heads/main", Outcome: "triggered", From: "192.0.2.1:4711"}
	for range 22 {
		s.NoteDelivery(push)
	}
	other := push
	other.Time, other.Ref, other.Outcome = time.Now().Add(-time.Minute), "refs/heads/feature/rename-everything-at-once", "ignored"
	other.Reason = `the push is of "refs/heads/feature/rename-everything-at-once": the followed ref is "main"`
	s.NoteDelivery(other)
	s.NoteDelivery(receiver.Delivery{Time: time.Now().Add(-30 * time.Second), Forge: "gitlab", Outcome: "refused", Reason: "its signature or token is wrong: the forge has another secret", From: "192.0.2.9:4711"})
}

// healthy is a git-sync that has been at it for some hours.
func healthy() (syncer.Report, []hook.Report) {
	now := time.Now()
	r := syncer.Report{
		Repo:     "https://github.com/example-organisation/templater-templates.git",
		Ref:      "main",
		Next:     now.Add(time.Hour),
		Deadline: now.Add(time.Hour),
		Revision: syncer.Revision{Hash: hashNew, PreviousHash: hashOld, Since: now.Add(-4 * time.Minute), PushedAt: now.Add(-4*time.Minute - 640*time.Millisecond)},
		Attempt:  syncer.Attempt{LastAttempt: now.Add(-8 * time.Second), LastSuccess: now.Add(-8 * time.Second), LastDuration: 18 * time.Millisecond, LastResult: syncer.ResultNoop, Trigger: syncer.SourcePeriod},
		Failure:  syncer.Failure{LastError: "asking the remote: could not resolve host github.com", LastErrorAt: now.Add(-2 * time.Hour)},
		Totals:   syncer.Totals{Counts: map[string]int{syncer.ResultSuccess: 23, syncer.ResultNoop: 412, syncer.ResultError: 3}, Triggers: map[string]int{syncer.SourceStart: 1, syncer.SourcePeriod: 415, syncer.SourceReceiver: 22}},
	}
	for i := range 26 {
		e := syncer.Event{
			Time: now.Add(time.Duration(i-26)*11*time.Minute - 4*time.Minute), Duration: time.Duration(180+(i*i*37)%640) * time.Millisecond,
			Result: syncer.ResultSuccess, Hash: fmt.Sprintf("%x", sha1.Sum([]byte{byte(i)})), Trigger: syncer.SourceReceiver,
		}
		if i == 9 || i == 10 {
			e.Result, e.Hash, e.Trigger, e.Duration = syncer.ResultError, "", syncer.SourcePeriod, 1050*time.Millisecond
			e.Error = "asking the remote: could not resolve host github.com"
		}
		r.History = append(r.History, e)
	}
	return r, []hook.Report{
		{Name: hook.NameExec, Runs: map[string]int{"success": 23}, Delivered: hashNew, LastRun: now.Add(-4 * time.Minute), LastDuration: 120 * time.Millisecond},
		{Name: hook.NameWebhook, Runs: map[string]int{"success": 21, "error": 2}, Delivered: hashNew, LastRun: now.Add(-4 * time.Minute), LastDuration: 34 * time.Millisecond},
	}
}

// failing is the same when the remote and a hook refuse.
func failing() (syncer.Report, []hook.Report) {
	r, hooks := healthy()
	now := time.Now()
	r.Failures, r.LastResult = 7, syncer.ResultError
	r.LastError = "fetching main from https://github.com/example-organisation/templater-templates.git: the password was refused"
	r.LastHint = "check --password-file: the token in it may have expired; the file is read again at each sync, a restart is not needed"
	r.LastErrorAt, r.FailingSince = now.Add(-6*time.Second), now.Add(-140*time.Second)
	for i := range 7 {
		r.History = append(r.History, syncer.Event{Time: now.Add(time.Duration(i-7) * 20 * time.Second), Duration: 310 * time.Millisecond, Result: syncer.ResultError, Error: r.LastError, Trigger: syncer.SourcePeriod})
	}
	hooks[1].Failures, hooks[1].Pending, hooks[1].LastErrorAt = 4, hashNew, now
	hooks[1].LastError, hooks[1].LastHint = "POST http://app:8080: no answer within 1s", "raise --webhook-timeout if the receiver needs longer"
	return r, hooks
}

// witness notes whatever a page should not do: load something, run a script, or have the browser complain.
type witness struct {
	mu       sync.Mutex
	requests []string
	said     []string
}

func (w *witness) watch(ctx context.Context) {
	chromedp.ListenTarget(ctx, func(event any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			w.requests = append(w.requests, e.Request.URL)
		case *log.EventEntryAdded:
			w.said = append(w.said, e.Entry.Text)
		}
	})
}

// view is a way of looking at the page.
type view struct {
	name          string
	width, height int64
	scheme        string
}

func views() []view {
	return []view{{"light", 1100, 900, "light"}, {"dark", 1100, 900, "dark"}, {"phone", 360, 740, "light"}, {"phone-dark", 360, 740, "dark"}}
}

// look opens the page with scripts switched off and returns a picture of all of it, and the width of its content.
func look(ctx context.Context, v view, url string) (shot []byte, width float64, err error) {
	err = chromedp.Run(ctx,
		log.Enable(), network.Enable(),
		emulation.SetScriptExecutionDisabled(true),
		chromedp.EmulateViewport(v.width, v.height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}}),
		chromedp.Navigate(url),
		chromedp.WaitVisible("#state", chromedp.ByQuery),
		chromedp.ActionFunc(func(ctx context.Context) error {
			_, _, _, _, _, content, err := page.GetLayoutMetrics().Do(ctx)
			if err == nil {
				width = content.Width
			}
			return err
		}),
		chromedp.FullScreenshot(&shot, 100),
	)
	return shot, width, err
}

// TestStatusPage opens each state in each view.
func TestStatusPage(t *testing.T) {
	ctx := browser(t)
	first := syncer.Report{Repo: "git@github.com:foo/templater-templates.git", Ref: "master", Deadline: time.Now().Add(time.Hour), Attempt: syncer.Attempt{Running: true, Started: time.Now(), Trigger: syncer.SourceStart}}
	good, goodHooks := healthy()
	bad, badHooks := failing()
	late := good
	late.Failures = 0
	for name, c := range map[string]struct {
		url  string
		want []string
	}{
		"starting": {serve(t, first, nil), []string{"Starting", "nothing yet", "under way", "not ready", "No delivery has arrived"}},
		"healthy": {serve(t, good, goodHooks), []string{
			"Up to date", hashNew, "Explain how to rotate", "640ms after the push", "in 59m", "/git/templates", "--max-sync-failures=6", "triggered 22", "the followed ref is", "another secret",
		}},
		"failing": {serve(t, bad, badHooks), []string{"Failing", "7 failed syncs in a row", "failing since", "the password was refused", "check --password-file", "no answer within 1s"}},
		"hook":    {serve(t, late, badHooks), []string{"A hook fails", "failing, 4 in a row", "no answer within 1s"}},
		"many":    {serve(t, bad, badHooks, "docs", "dags"), []string{"2 syncs", "docs", "dags", "the password was refused", "another secret"}},
	} {
		for _, v := range views() {
			t.Run(name+"/"+v.name, func(t *testing.T) {
				tab, closeTab := chromedp.NewContext(ctx)
				defer closeTab()
				w := &witness{}
				w.watch(tab)
				shot, width, err := look(tab, v, c.url)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(t.ArtifactDir(), strings.ReplaceAll(name+"-"+v.name, "/", "-")+".png"), shot, 0o600); err != nil {
					t.Fatal(err)
				}
				var text string
				var tall []string // refs and short hashes that are broken into lines
				oneLine := `[...document.querySelectorAll("#syncs code, #history code")].filter(e => e.getClientRects().length > 1 || e.offsetHeight > 30).map(e => e.textContent)`
				if err := chromedp.Run(tab, chromedp.Text("main", &text, chromedp.ByQuery), chromedp.Evaluate(oneLine, &tall)); err != nil {
					t.Fatal(err)
				}
				if len(tall) > 0 {
					t.Errorf("broken into lines: %q", tall)
				}
				for _, want := range c.want {
					if !strings.Contains(text, want) {
						t.Errorf("%q is not to be read on the page:\n%s", want, text)
					}
				}
				if width > float64(v.width) {
					t.Errorf("the page is %v wide on a screen of %d", width, v.width)
				}
				background(t, shot, v.scheme)
				w.mu.Lock()
				defer w.mu.Unlock()
				if len(w.requests) != 1 || len(w.said) != 0 {
					t.Errorf("requests %v; the browser said %v", w.requests, w.said)
				}
			})
		}
	}
}

// background checks that the page is as light or dark as was asked for.
func background(t *testing.T, shot []byte, scheme string) {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(shot))
	if err != nil {
		img, err = png.Decode(bytes.NewReader(shot))
	}
	if err != nil {
		t.Fatal(err)
	}
	r, g, b, _ := img.At(3, 3).RGBA()
	if light := r+g+b > 3*0x8000; light != (scheme == "light") {
		t.Errorf("the corner is %d %d %d in %s", r>>8, g>>8, b>>8, scheme)
	}
}
