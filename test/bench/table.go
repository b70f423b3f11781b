package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// row compares git-sync with plain git at one thing.
type row struct {
	Transport, What, Plain string
	Size                   int
	WallBudget, CPUBudget  float64 // ratios; 0: none

	ours, plain []sample
}

// round adds one round's two samples.
func (r *row) round(ours, plain sample) {
	r.ours, r.plain = append(r.ours, ours), append(r.plain, plain)
}

// spread is a median with its extremes.
type spread struct{ median, least, most float64 }

// ratios divides, round by round, what git-sync took by what plain git took.
func (r *row) ratios(of func(sample) time.Duration) (spread, bool) {
	var all []float64
	for i := range r.ours {
		if of(r.plain[i]) > 0 && (of(r.ours[i]) > 0 || r.sum(of) > 0) {
			all = append(all, float64(of(r.ours[i]))/float64(of(r.plain[i])))
		}
	}
	if len(all) == 0 {
		return spread{}, false
	}
	return spread{middle(all), slices.Min(all), slices.Max(all)}, true
}

func (r *row) sum(of func(sample) time.Duration) (total time.Duration) {
	for _, s := range r.ours {
		total += of(s)
	}
	return total
}

func median(all []sample, of func(sample) time.Duration) time.Duration {
	var values []time.Duration
	for _, s := range all {
		values = append(values, of(s))
	}
	return middle(values)
}

// middle is the median: of an even number of values, between the two in the middle.
func middle[T ~int64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func wall(s sample) time.Duration { return s.wall }
func cpu(s sample) time.Duration  { return s.cpu }

// table is the result so far.
type table struct {
	rows      []*row
	waiting   []*row
	residents []resident
	notes     []string
	kept      int
	missed    int
}

func (t *table) head(w io.Writer) {
	fmt.Fprintf(w, "%-4s %7s  %-44s %22s %22s   %s\n", "via", "files", "what", "wall, ratio", "CPU, ratio", "git-sync and plain git: median wall, CPU")
}

// later keeps rows back until the one that they belong to has been shown.
func (t *table) later(rows ...*row) { t.waiting = append(t.waiting, rows...) }

// add shows a row and those that were kept back.
func (t *table) add(w io.Writer, r *row) {
	for _, r := range append([]*row{r}, t.waiting...) {
		if len(r.ours) > 0 {
			t.show(w, r)
		}
	}
	t.waiting = nil
}

func (t *table) show(w io.Writer, r *row) {
	t.rows = append(t.rows, r)
	fmt.Fprintf(w, "%-4s %7d  %-44s %22s %22s   %s | %s: %s\n", r.Transport, r.Size, r.What,
		t.cell(r, wall, r.WallBudget), t.cell(r, cpu, r.CPUBudget), cost(r.ours), r.Plain, cost(r.plain))
}

// cell is a ratio with its spread and what the budget says to it.
func (t *table) cell(r *row, of func(sample) time.Duration, budget float64) string {
	s, ok := r.ratios(of)
	if !ok {
		return "-"
	}
	text := fmt.Sprintf("%.2f (%.2f-%.2f)", s.median, s.least, s.most)
	switch {
	case budget == 0:
		return text + "      "
	case s.median <= budget:
		t.kept++
		return fmt.Sprintf("%s <%-4g", text, budget)
	default:
		t.missed++
		return fmt.Sprintf("%s !%-4g", text, budget)
	}
}

func cost(all []sample) string {
	var text strings.Builder
	for _, of := range []func(sample) time.Duration{wall, cpu} {
		d := median(all, of)
		if d == 0 {
			text.WriteString("- ")
			continue
		}
		fmt.Fprintf(&text, "%.1f ms ", float64(d)/float64(time.Millisecond))
	}
	return text.String()
}

// resident is the memory of one kind of sidecar, in bytes, once for each that was looked at.
type resident struct {
	when      string
	now, most []int64
}

// memory takes note of what is resident now and was at most, for the foot.
func (t *table) memory(when string, s *sidecar) {
	i := slices.IndexFunc(t.residents, func(r resident) bool { return r.when == when })
	if i < 0 {
		i = len(t.residents)
		t.residents = append(t.residents, resident{when: when})
	}
	r := &t.residents[i]
	r.now, r.most = append(r.now, memory(s.pid(), "VmRSS")), append(r.most, memory(s.pid(), "VmHWM"))
}

func (r resident) String() string {
	mib := func(n int64) float64 { return float64(n) / (1 << 20) }
	return fmt.Sprintf("resident, %s: %.1f MiB, at most %.1f MiB (median and greatest of %d)", r.when, mib(middle(r.now)), mib(slices.Max(r.most)), len(r.now))
}

func (t *table) disk(u *upstream, root, tree int64) {
	t.note("disk after updates, %s, %d files: %.2f trees (%d MiB)", u.transport, u.size, float64(root)/float64(tree), root>>20)
}

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *table) foot(w io.Writer) {
	fmt.Fprintf(w, "\nratio: git-sync / plain git, median (least-most) of interleaved rounds; < budget kept, ! budget missed: %d kept, %d missed\n", t.kept, t.missed)
	for _, r := range t.residents {
		fmt.Fprintln(w, r)
	}
	for _, n := range slices.Compact(t.notes) {
		fmt.Fprintln(w, n)
	}
}
