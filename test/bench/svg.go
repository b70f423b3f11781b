package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// The plot has one panel for each job, cost against the size of the tree, both on logarithmic scales.
const (
	panelWidth, panelHeight = 330, 230
	left, top               = 58, 34 // of a panel's own area
	inner                   = 40     // right and below
)

type point struct{ x, y float64 }

// panel is one job: git-sync's line and plain git's.
type panel struct {
	title       string
	unit        string
	ours, plain []point
}

// plot draws what was measured over http, or over whatever there is when http was not measured.
func plot(rows []*row) []byte {
	panels := panelsOf(rows)
	columns := 3
	height := (len(panels) + columns - 1) / columns * panelHeight
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", columns*panelWidth, height+24)
	b.WriteString(`<style>
.ours{stroke:#c2410c;fill:#c2410c}.plain{stroke:#1d4ed8;fill:#1d4ed8}.line{fill:none;stroke-width:2}.grid{stroke:#8884;stroke-width:1}
text{fill:#333;stroke:none}@media (prefers-color-scheme:dark){text{fill:#ddd}.ours{stroke:#fb923c;fill:#fb923c}.plain{stroke:#60a5fa;fill:#60a5fa}}
</style>
`)
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%columns*panelWidth, i/columns*panelHeight)
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	fmt.Fprintf(&b, `<g transform="translate(%d,%d)"><circle class="ours" cx="0" cy="-4" r="4"/><text x="8">git-sync</text>`+
		`<circle class="plain" cx="80" cy="-4" r="4"/><text x="88">plain git doing the same in the same run</text></g>`+"\n</svg>\n", left, height+12)
	return b.Bytes()
}

func panelsOf(rows []*row) []panel {
	transport := "file"
	if slices.ContainsFunc(rows, func(r *row) bool { return r.Transport == "http" }) {
		transport = "http"
	}
	var panels []panel
	for _, r := range rows {
		if r.Transport != transport || strings.HasSuffix(r.What, "clean-up") {
			continue // nobody waits for a clean-up, and it may cost nothing, for which a logarithmic scale has no place
		}
		of, unit := wall, "wall, ms"
		if _, ok := r.ratios(wall); !ok {
			of, unit = cpu, "CPU, ms"
		}
		i := slices.IndexFunc(panels, func(p panel) bool { return p.title == r.What })
		if i < 0 {
			panels = append(panels, panel{title: r.What, unit: unit})
			i = len(panels) - 1
		}
		p := &panels[i]
		ms := func(all []sample) point {
			return point{float64(r.Size), float64(max(median(all, of), 10*time.Microsecond)) / float64(time.Millisecond)}
		}
		p.ours, p.plain = append(p.ours, ms(r.ours)), append(p.plain, ms(r.plain))
	}
	return panels
}

// draw draws a panel with its origin at its left upper corner.
func (p panel) draw(b *bytes.Buffer) {
	all := slices.Concat(p.ours, p.plain)
	byX := func(a, b point) int { return cmp.Compare(a.x, b.x) }
	byY := func(a, b point) int { return cmp.Compare(a.y, b.y) }
	xs := decades(slices.MinFunc(all, byX).x, slices.MaxFunc(all, byX).x)
	ys := decades(slices.MinFunc(all, byY).y, slices.MaxFunc(all, byY).y)
	x := scale(xs, left, panelWidth-inner)
	y := scale(ys, panelHeight-inner, top)
	fmt.Fprintf(b, `<text x="12" y="16" font-weight="bold">%s (%s)</text>`+"\n", p.title, p.unit)
	for _, d := range xs {
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %dV%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			x(d), top, panelHeight-inner, x(d), panelHeight-inner+14, label(d))
	}
	for _, d := range ys {
		fmt.Fprintf(b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y(d), panelWidth-inner, left-6, y(d)+4, label(d))
	}
	for _, class := range []string{"plain", "ours"} {
		points := p.plain
		if class == "ours" {
			points = p.ours
		}
		slices.SortFunc(points, byX)
		fmt.Fprintf(b, `<polyline class="line %s" points="`, class)
		for _, q := range points {
			fmt.Fprintf(b, "%.1f,%.1f ", x(q.x), y(q.y))
		}
		b.WriteString("\"/>\n")
		for _, q := range points {
			fmt.Fprintf(b, `<circle class="%s" cx="%.1f" cy="%.1f" r="3"><title>%.0f files: %.3g ms</title></circle>`+"\n", class, x(q.x), y(q.y), q.x, q.y)
		}
	}
}

// decades are the powers of ten that enclose two numbers.
func decades(least, most float64) []float64 {
	var all []float64
	first, last := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if first == last {
		last++
	}
	for e := first; e <= last; e++ {
		all = append(all, math.Pow(10, e))
	}
	return all
}

// scale maps the first of the decades to from and the last to to.
func scale(decades []float64, from, to float64) func(float64) float64 {
	a, b := math.Log10(decades[0]), math.Log10(decades[len(decades)-1])
	return func(v float64) float64 { return from + (to-from)*(math.Log10(v)-a)/(b-a) }
}

func label(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%gk", v/1000)
	default:
		return fmt.Sprintf("%g", v)
	}
}
