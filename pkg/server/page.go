package server

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"time"

	"git-sync/pkg/receiver"
	"git-sync/pkg/syncer"
)

//go:embed page.html overview.html parts.html
var pageHTML embed.FS

//go:embed page.css
var pageCSS string

// shownRows limits the number of rows of a page. Consecutive failures of one kind are one row.
const shownRows = 12

// newPages parses the HTML status pages. They load no other files, run no script, and reload themselves periodically.
func newPages() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"duration":  func(seconds float64) string { return duration(time.Duration(seconds * float64(time.Second))) },
		"short":     short,
		"stamp":     func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
		"iso":       func(t time.Time) string { return t.Format(time.RFC3339) },
		"source":    source,
		"wording":   wordingOf,
		"headline":  headline,
		"recent":    recent,
		"verdict":   verdict,
		"newest":    newest,
		"receiving": func(all []delivery) bool { return all != nil },
		"css":       func() template.CSS { return template.CSS(pageCSS) },
	}).ParseFS(pageHTML, "*.html")
}

// pagePolicy returns the Content-Security-Policy of the pages. html/template does not change trusted CSS, so the hash of
// what is sent is that of pageCSS.
func pagePolicy() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(sum[:]))
}

// Ago formats how long ago t was.
func (h health) Ago(t time.Time) string { return duration(h.Time.Sub(t)) + " ago" }

// In formats the time until t.
func (h health) In(t time.Time) string {
	d := t.Sub(h.Time)
	if d < time.Second {
		return "now"
	}
	return "in " + duration(d)
}

// wording describes a state for people: in a few words, by its colour class (good, wait or bad), and in a sentence.
type wording struct{ Name, Tone, Sentence string }

func wordingOf(state string) wording {
	return map[string]wording{
		stateFresh:    {"Up to date", "good", "What is published is what the remote had at the last sync."},
		stateStarting: {"Starting", "wait", "The first sync is not complete."},
		stateHook:     {"A hook fails", "wait", "The newest revision is published, but a hook has not accepted it."},
		stateStale:    {"Stale", "bad", "The last successful sync is older than --max-staleness allows."},
		stateFailing:  {"Failing", "bad", "The last good revision stays published."},
		stateStuck:    {"Stuck", "bad", ""},
	}[state]
}

// headline describes the state of a sync.
func headline(st status) wording {
	w := wordingOf(st.State)
	failed := "1 failed sync"
	if st.Failures > 1 {
		failed = fmt.Sprintf("%d failed syncs", st.Failures)
	}
	switch {
	case st.State == stateStuck:
		w.Sentence = st.Reason + "."
	case st.State == stateFailing && st.Published == nil:
		w.Name, w.Sentence = "Not published yet", failed+" so far; git-sync retries."
	case st.State == stateFailing:
		w.Sentence = failed + " in a row. " + w.Sentence
	}
	return w
}

// verdict returns the colour class of a delivery's outcome.
func verdict(outcome string) string {
	switch outcome {
	case receiver.Triggered:
		return "good"
	case receiver.Ignored, receiver.Ping:
		return "wait"
	default:
		return "bad"
	}
}

// newest returns the last deliveries, newest first.
func newest(all []delivery) []delivery {
	all = slices.Clone(all[max(len(all)-shownRows, 0):])
	slices.Reverse(all)
	return all
}

// row is a row of the table of revisions: an event, or consecutive failures of one kind, of which it shows the
// newest.
type row struct {
	event
	Times int
}

// recent returns the last events, newest first.
func recent(history []event) []row {
	var out []row
	for _, e := range slices.Backward(history) {
		if n := len(out) - 1; n >= 0 && e.Error != "" && e.Error == out[n].Error {
			out[n].Times++
			continue
		}
		if len(out) == shownRows {
			break
		}
		out = append(out, row{e, 1})
	}
	return out
}

// short returns an abbreviated hash.
func short(hash string) string { return hash[:min(len(hash), 12)] }

// source returns the name of a trigger for people.
func source(s string) string {
	switch s {
	case syncer.SourceStart:
		return "start-up"
	case syncer.SourcePeriod:
		return "poll"
	case syncer.SourceReceiver:
		return "push"
	default:
		return s
	}
}

// duration formats a duration for people, with at most two units: 640ms, 1.5s, 1m1s, 3h0m, 2d2h.
func duration(d time.Duration) string {
	d = max(d, 0)
	hours := int(d.Hours())
	switch {
	case hours >= 24:
		return fmt.Sprintf("%dd%dh", hours/24, hours%24)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, int(d.Minutes())%60)
	case d >= 10*time.Second:
		return d.Truncate(time.Second).String()
	case d >= time.Second:
		return d.Truncate(time.Second / 10).String()
	}
	return d.Truncate(time.Millisecond).String()
}
