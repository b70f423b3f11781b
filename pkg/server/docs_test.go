package server

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/hook"
	"git-sync/pkg/instance"
)

// series is what a scrape has: for each name that a query can use, the labels.
type series map[string]map[string]bool

// scraped parses a real scrape. Families are the names in # TYPE lines.
func scraped(t *testing.T, text string) (all series, families map[string]string) {
	t.Helper()
	all, families = series{}, map[string]string{}
	sample := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="`)
	for line := range strings.Lines(text) {
		if f, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(strings.TrimSpace(f), " ")
			families[name] = kind
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if all[m[1]] == nil {
			all[m[1]] = map[string]bool{}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			all[m[1]][l[1]] = true
		}
	}
	return all, families
}

// TestDocumentedMetrics: the table in docs/monitoring.md is the scrape, name for name, label for label, type for type.
func TestDocumentedMetrics(t *testing.T) {
	doc, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	all, families := scraped(t, scrape(t, full(t)))
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)(?:\\{([a-z_,]*)\\})?` \\| (\\w+) \\|").FindAllStringSubmatch(string(doc), -1) {
		name, labels, kind := m[1], m[2], m[3]
		documented[name] = true
		if families[name] != kind {
			t.Errorf("%s: a %s is documented, a %q is served", name, kind, families[name])
			continue
		}
		sample := name
		if kind == "histogram" || kind == "summary" {
			sample += "_count"
		}
		got := slices.Sorted(maps.Keys(all[sample]))
		want := slices.DeleteFunc(strings.Split(labels, ","), func(s string) bool { return s == "" })
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: labels %v are documented, %v are served", name, want, got)
		}
	}
	for name := range families {
		if !documented[name] && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is served and not documented", name)
		}
	}
	if len(documented) < 20 {
		t.Errorf("only %d metrics found in the table", len(documented))
	}
}

// problems says what in a query does not exist. It knows as much of PromQL as these queries need: it takes names and labels apart.
func (all series) problems(query string) []string {
	query = regexp.MustCompile(`#.*`).ReplaceAllString(query, "")
	query = regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(query, "")
	var out []string
	var labels []string
	for _, m := range regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`).FindAllStringSubmatch(query, -1) {
		labels = append(labels, strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	query = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`).ReplaceAllString(query, " ")
	for _, m := range regexp.MustCompile(`\{([^}]*)\}`).FindAllStringSubmatch(query, -1) {
		for _, l := range regexp.MustCompile(`([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)`).FindAllStringSubmatch(m[1], -1) {
			labels = append(labels, l[1])
		}
	}
	query = regexp.MustCompile(`\{[^}]*\}|"[^"]*"`).ReplaceAllString(query, " ")

	known := []string{"job", "instance", "namespace", "pod"} // what the scraper adds
	names := 0
	for _, m := range regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\(?)`).FindAllStringSubmatch(query, -1) {
		name := m[1]
		if m[2] == "(" || slices.Contains([]string{"and", "or", "unless", "bool", "offset"}, name) {
			continue
		}
		if all[name] == nil {
			out = append(out, "no metric "+name)
			continue
		}
		names++
		known = slices.AppendSeq(known, maps.Keys(all[name]))
	}
	if names == 0 {
		out = append(out, "no metric in it")
	}
	for _, l := range labels {
		if !slices.Contains(known, l) {
			out = append(out, "no label "+l)
		}
	}
	return out
}

// queries are those of the dashboard, the alert rules and the page.
func queries(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	read := func(name string) string {
		b, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Query string } }
	}
	if err := json.Unmarshal([]byte(read("grafana-dashboard.json")), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			out["dashboard"] = append(out["dashboard"], target.Expr)
		}
	}
	for _, v := range board.Templating.List {
		if q, ok := strings.CutPrefix(v.Query, "label_values("); ok {
			metric, label, _ := strings.Cut(strings.TrimSuffix(q, ")"), ", ")
			out["variables"] = append(out["variables"], "count by ("+label+") ("+metric+")")
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\s+expr: (.*)$`).FindAllStringSubmatch(read("alerts.yaml"), -1) {
		out["alerts"] = append(out["alerts"], m[1])
	}
	_, page, _ := strings.Cut(read("monitoring.md"), "```promql\n")
	page, _, _ = strings.Cut(page, "```")
	out["page"] = strings.Split(strings.TrimSpace(page), "\n")
	return out
}

// TestQueries: no query in the documentation asks for what is not there.
func TestQueries(t *testing.T) {
	all, _ := scraped(t, scrape(t, full(t)))
	all["up"] = map[string]bool{} // Prometheus adds it
	now := time.Now()
	pushed := instance.Report{Hooks: []hook.Report{{Name: hook.NameExec}}}
	pushed.Hash, pushed.Since, pushed.PushedAt = hashB, now, now.Add(-time.Second)
	several, _ := scraped(t, scrape(t, pair(pushed)))
	for name, labels := range several {
		if all[name] == nil {
			all[name] = map[string]bool{}
		}
		maps.Copy(all[name], labels)
	}
	for where, list := range queries(t) {
		if len(list) < 2 {
			t.Errorf("%s: only %d queries found", where, len(list))
		}
		for _, q := range list {
			for _, p := range all.problems(q) {
				t.Errorf("%s: %s: %s", where, q, p)
			}
		}
	}
	for _, wrong := range []string{
		`git_sync_nonesuch > 1`, `rate(git_sync_count_total{result="x"}[5m])`, `sum by (hash) (git_sync_count_total)`, `sum(rate(git_sync_duration_seconds_bucket[5m]))`, `vector(1)`,
	} {
		if len(all.problems(wrong)) == 0 {
			t.Errorf("the check lets %s through", wrong)
		}
	}
}

// TestAlertsAreDocumented: each rule has its line on the page, and the other way round.
func TestAlertsAreDocumented(t *testing.T) {
	rules, err := os.ReadFile("../../docs/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	names := func(text []byte, pattern string) []string {
		var out []string
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			out = append(out, string(m[1]))
		}
		return out
	}
	got, want := names(page, "(?m)^\\| `(GitSync\\w+)` \\|"), names(rules, `(?m)alert: (\w+)`)
	if !slices.Equal(got, want) {
		t.Errorf("the page has %v, the rules have %v", got, want)
	}
}

// TestStatusMembers: every member of the JSON is on the page.
func TestStatusMembers(t *testing.T) {
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]any
	if err := json.Unmarshal(get(full(t), "/status").Body.Bytes(), &top); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				if !strings.Contains(string(page), "`"+k+"`") {
					t.Errorf("%s is not documented", k)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(top)
}
