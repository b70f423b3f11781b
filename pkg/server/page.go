package server

import (
	"crypto/sha256"
	"embed"
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

//go:embed page.html overview.html
var pageHTML embed.FS

//go:embed page.css
var pageCSS string

const (
	// shownEvents is how many of the newest revisions and failures the page draws.
	shownEvents = 24
	// shownRows is how many it lists; failures of one kind in a row are one row.
	shownRows = 12
)

// pages are the status pages for people. They load nothing, run no script, and reload themselves now and then.
type pages struct {
	templates *template.Template
	policy    string // their Content-Security-Policy
}

func newPages() (*pages, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"duration": func(seconds float64) string { return duration(time.Duration(seconds * float64(time.Second))) },
		"short":    short,
		"stamp":    func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
		"iso":      func(t time.Time) string { return t.Format(time.RFC3339) },
		"source":   source,
		"parts":    parts,
		"tone":     tone,
	}).ParseFS(pageHTML, "*.html")
	if err != nil {
		return nil, err
	}
	// html/template trims nothing in a style that it is given as trusted, so the hash of what is sent is that of pageCSS.
	sum := sha256.Sum256([]byte(pageCSS))
	return &pages{t, fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(sum[:]))}, nil
}

// moment is when a page was made.
type moment struct{ now time.Time }

// view is what the template of one sync's page sees.
type view struct {
	status
	moment
	CSS      template.CSS
	Headline string
	Advice   string
	Chart    *chart
	Recent   []row // newest first
}

// overviewView is what the template of the page about all syncs sees.
type overviewView struct {
	overview
	moment
	CSS template.CSS
}

// render writes the page about a status or an overview.
func (p *pages) render(w io.Writer, content any) error {
	css := template.CSS(pageCSS)
	if o, ok := content.(overview); ok {
		return p.templates.ExecuteTemplate(w, "overview.html", overviewView{o, moment{o.Time}, css})
	}
	st, _ := content.(status)
	v := view{status: st, moment: moment{st.Time}, CSS: css, Chart: newChart(st.History), Recent: rows(st.History)}
	v.Headline, v.Advice = headline(st)
	return p.templates.ExecuteTemplate(w, "page.html", v)
}

// Ago is how long before the page was made something happened; the longer, the rougher.
func (m moment) Ago(t time.Time) string {
	d := m.now.Sub(t)
	switch {
	case d >= 10*time.Hour:
		d = d.Truncate(time.Hour)
	case d >= 10*time.Minute:
		d = d.Truncate(time.Minute)
	}
	return duration(d) + " ago"
}

// In is how long until something is due.
func (m moment) In(t time.Time) string {
	d := t.Sub(m.now)
	if d < time.Second {
		return "now"
	}
	return "in " + duration(d)
}

// headline sums up the state for people: in a few words, and in a sentence.
func headline(st status) (words, sentence string) {
	switch st.State {
	case stateStuck:
		return "Stuck", st.Reason + "."
	case stateFailing:
		if st.Published == nil {
			return "Not published yet", fmt.Sprintf("%s so far; git-sync retries.", times(st.Failures, "failed sync"))
		}
		return "Failing", fmt.Sprintf("%s in a row. The last good revision stays published.", times(st.Failures, "failed sync"))
	case stateStale:
		return "Stale", "What is published is older than --max-staleness allows."
	case stateStarting:
		return "Starting", "The first sync is not complete."
	default:
		return "Up to date", "What is published is what the remote had at the last sync."
	}
}

// tone is the colour of a state: good, wait or bad.
func tone(state string) string {
	switch state {
	case stateFresh:
		return "good"
	case stateStarting:
		return "wait"
	default:
		return "bad"
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
	events := history[max(len(history)-shownEvents, 0):]
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
