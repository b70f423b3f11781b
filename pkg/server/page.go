package server

import (
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"git-sync/pkg/syncer"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

const (
	// shownEvents is how many of the newest revisions and failures the page draws.
	shownEvents = 24
	// shownRows is how many it lists; failures of one kind in a row are one row.
	shownRows = 12
)

// page is the status page for people. It loads nothing, runs no script, and asks to be loaded anew now and then.
type page struct {
	template *template.Template
	policy   string // its Content-Security-Policy
}

func newPage() (*page, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"duration": func(seconds float64) string { return duration(time.Duration(seconds * float64(time.Second))) },
		"short":    short,
		"stamp":    func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
		"iso":      func(t time.Time) string { return t.Format(time.RFC3339) },
		"source":   source,
		"parts":    parts,
	}).Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	// html/template trims nothing in a style that it is given as trusted, so the hash of what is sent is that of pageCSS.
	sum := sha256.Sum256([]byte(pageCSS))
	return &page{t, fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(sum[:]))}, nil
}

// view is what the template sees.
type view struct {
	status
	CSS      template.CSS
	Headline string
	Advice   string
	Tone     string // good, wait or bad
	Chart    *chart
	Recent   []row // newest first
}

func (p *page) render(w io.Writer, st status) error {
	v := view{status: st, CSS: template.CSS(pageCSS), Chart: newChart(st.History)}
	v.Headline, v.Advice, v.Tone = headline(st)
	v.Recent = rows(st.History)
	return p.template.Execute(w, v)
}

// Ago is how long before the page was made something happened; the longer, the rougher.
func (v view) Ago(t time.Time) string {
	d := v.Time.Sub(t)
	switch {
	case d >= 10*time.Hour:
		d = d.Truncate(time.Hour)
	case d >= 10*time.Minute:
		d = d.Truncate(time.Minute)
	}
	return duration(d) + " ago"
}

// In is how long until something is due.
func (v view) In(t time.Time) string {
	d := t.Sub(v.Time)
	if d < time.Second {
		return "now"
	}
	return "in " + duration(d)
}

// headline sums up the state for people: in a few words, in a sentence, and in a colour.
func headline(st status) (words, sentence, tone string) {
	switch st.State {
	case stateStuck:
		return "Stuck", st.Reason + ".", "bad"
	case stateFailing:
		if st.Published == nil {
			return "Not published yet", fmt.Sprintf("%s so far; it goes on trying.", times(st.Failures, "failed sync")), "bad"
		}
		return "Failing", fmt.Sprintf("%s in a row. The last good revision stays published.", times(st.Failures, "failed sync")), "bad"
	case stateStale:
		return "Stale", "What is published is older than --max-staleness allows.", "bad"
	case stateStarting:
		return "Starting", "The first sync has not been completed yet.", "wait"
	default:
		return "Up to date", "What is published is what the remote had at the last sync.", "good"
	}
}

func times(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// row is a line of the table of revisions: an event, or several failures of one kind in a row, of which it shows the newest.
type row struct {
	event
	Times int
}

// rows lists the newest events, newest first.
func rows(history []event) []row {
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

// parts cuts a URL where a line may be broken.
func parts(s string) []string {
	var out []string
	for len(s) > 0 {
		end := strings.IndexAny(s, "/:@") + 1
		if end == 0 {
			end = len(s)
		}
		out = append(out, s[:end])
		s = s[end:]
	}
	return out
}

// chart is a bar for each of the last revisions, as high as the sync took.
type chart struct {
	Width, Height float64
	Bars          []bar
	Max           string // what the highest bar stands for
	First, Last   time.Time
}

type bar struct {
	X, Y, Width, Height float64
	Tone                string // good or bad
	Label               string
}

// newChart draws the newest events; nil when there are too few to compare.
func newChart(history []event) *chart {
	events := lastEvents(history)
	if len(events) < 2 {
		return nil
	}
	const width, height, floor = 640, 96, 2
	top := 0.0
	for _, e := range events {
		top = max(top, e.Seconds)
	}
	top = max(top, 0.001)
	step := width / float64(max(len(events), 12))
	c := &chart{Width: width, Height: height, Max: duration(time.Duration(top * float64(time.Second))), First: events[0].Time, Last: events[len(events)-1].Time}
	for i, e := range events {
		h := max(e.Seconds/top*height, floor)
		b := bar{X: round(float64(i)*step + step*0.15), Y: round(height - h), Width: round(step * 0.7), Height: round(h), Tone: "good"}
		what := short(e.Hash)
		if e.Result == syncer.ResultError {
			b.Tone, what = "bad", "failed"
		}
		b.Label = fmt.Sprintf("%s: %s, %s", e.Time.Format(time.TimeOnly), what, duration(time.Duration(e.Seconds*float64(time.Second))))
		c.Bars = append(c.Bars, b)
	}
	return c
}

func lastEvents(history []event) []event {
	return history[max(len(history)-shownEvents, 0):]
}

func round(f float64) float64 { return math.Round(f*10) / 10 }

// short is the beginning of a hash, as git shows it.
func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}

// source names a trigger for people.
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

// duration is a time span for people: two units at most.
func duration(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return strings.Replace(fmt.Sprintf("%.1f s", d.Seconds()), ".0 s", " s", 1)
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return two(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	case d < 24*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	default:
		return two(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
	}
}

func two(big int, bigUnit string, small int, smallUnit string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", big, bigUnit)
	}
	return fmt.Sprintf("%d %s %d %s", big, bigUnit, small, smallUnit)
}
