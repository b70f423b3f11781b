package hook

import (
	"context"
	"maps"
	"sync"
	"time"

	"git-sync/pkg/advice"
)

// recorder runs a hook and keeps its Report.
type recorder struct {
	runner Runner

	mu     sync.Mutex
	report Report
}

func newReport(r Runner) Report { return Report{Name: r.Name(), Runs: map[string]int{}} }

// run runs the hook once, and also returns the report from before the run. A run that fails after ctx has ended says
// nothing about the hook, and is not counted.
func (r *recorder) run(ctx context.Context, e Event) (before Report, err error) {
	begun := time.Now()
	r.mu.Lock()
	r.report.Running = true
	r.mu.Unlock()
	err = r.runner.Run(ctx, e)
	r.mu.Lock()
	defer r.mu.Unlock()
	before = r.report
	r.report.Running = false
	if err != nil && ctx.Err() != nil {
		return before, err
	}
	r.report.LastRun = time.Now()
	r.report.LastDuration = r.report.LastRun.Sub(begun)
	status := StatusSuccess
	if err != nil {
		status = StatusError
		r.report.Failures++
		r.report.LastError, r.report.LastHint, r.report.LastErrorAt = err.Error(), advice.Hint(err), r.report.LastRun
	} else {
		r.report.Failures = 0
		r.report.Delivered = e.Hash
	}
	r.report.Runs = maps.Clone(r.report.Runs)
	r.report.Runs[status]++
	return before, err
}

// Report returns the present state of the hook.
func (r *recorder) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report
}

// Gate runs a hook that decides whether a revision may be published. The caller decides how often the hook runs for a
// revision, and what follows from a refusal.
type Gate struct{ recorder }

// NewGate returns a gate for a hook.
func NewGate(r Runner) *Gate { return &Gate{recorder{runner: r, report: newReport(r)}} }

// Check runs the hook once in the tree of the event, and blocks until it has ended: nil means that the revision may
// be published. If ctx has ended, the error says nothing about the revision, and the run is not counted.
func (g *Gate) Check(ctx context.Context, e Event) error {
	_, err := g.run(ctx, e)
	return err
}
