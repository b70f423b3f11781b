package alerts

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// records are recorded series. They are a storage.Queryable and a storage.Querier.
type records map[string]*promql.Series

func (r records) add(metric labels.Labels, at time.Time, value float64) {
	key := metric.String()
	if r[key] == nil {
		r[key] = &promql.Series{Metric: metric}
	}
	r[key].Floats = append(r[key].Floats, promql.FPoint{T: at.UnixMilli(), F: value})
}

func (r records) Querier(_, _ int64) (storage.Querier, error) { return r, nil }

func (r records) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &seriesSet{}
	for _, key := range slices.Sorted(maps.Keys(r)) {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(r[key].Metric.Get(m.Name)) }) {
			set.all = append(set.all, promql.NewStorageSeries(*r[key]))
		}
	}
	return set
}

func (records) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (records) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (records) Close() error { return nil }

type seriesSet struct {
	all  []storage.Series
	next int
}

func (s *seriesSet) Next() bool                      { s.next++; return s.next <= len(s.all) }
func (s *seriesSet) At() storage.Series              { return s.all[s.next-1] }
func (*seriesSet) Err() error                        { return nil }
func (*seriesSet) Warnings() annotations.Annotations { return nil }

func newEngine() *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e6, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true, Parser: parser.NewParser(parser.Options{}),
	})
}

// ask evaluates a query.
func (r records) ask(t *testing.T, engine *promql.Engine, query string, at time.Time) promql.Vector {
	t.Helper()
	q, err := engine.NewInstantQuery(t.Context(), r, nil, query, at)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer q.Close()
	res := q.Exec(t.Context())
	v, err := res.Vector()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if w, _ := res.Warnings.AsStrings(query, 0, 0); len(w) > 0 {
		t.Errorf("%s: %v", query, w)
	}
	return slices.Clone(v)
}

// rule is an alert rule of docs/alerts.yaml.
type rule struct {
	Alert, Expr string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func parseRules(t *testing.T, content []byte) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	if err := yaml.UnmarshalWithOptions(content, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// firing is an alert that fired: the first minute, and the labels of the series.
type firing struct {
	minute int
	sync   string
}

// fires evaluates a rule each minute, as Prometheus does: an alert fires when its query has had the same series for as long as the
// rule says.
func (r records) fires(t *testing.T, engine *promql.Engine, one rule, minutes int) []firing {
	t.Helper()
	hold := time.Duration(0)
	if one.For != "" {
		var err error
		if hold, err = time.ParseDuration(one.For); err != nil {
			t.Fatal(err)
		}
	}
	pending, fired := map[string]time.Time{}, map[string]firing{}
	for minute := range minutes {
		at := minuteAt(minute).Add(time.Second)
		active := map[string]time.Time{}
		for _, s := range r.ask(t, engine, one.Expr, at) {
			key := s.Metric.String()
			active[key] = at
			if since, ok := pending[key]; ok {
				active[key] = since
			}
			if _, ok := fired[key]; !ok && at.Sub(active[key]) >= hold {
				fired[key] = firing{minute, s.Metric.Get("sync")}
			}
		}
		pending = active
	}
	return slices.SortedFunc(maps.Values(fired), func(a, b firing) int { return a.minute - b.minute })
}
