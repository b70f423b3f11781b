package hook

import (
	"context"
	"maps"
	"sync"
	"time"

	"git-sync/pkg/advice"
)

// Recorder runs a hook and keeps its Report. Its methods are safe for concurrent use, except that only one Run may be
// active.
//
// Without a Queue, it is a gate: a hook that decides whether a revision may be published. The caller decides how often
// the hook runs for a revision, and what follows from a refusal.
type Recorder struct {
	runner Runner

	mu     sync.Mutex
	report Report
}

// NewRecorder returns a recorder for a hook. The hook is not run before Run.
func NewRecorder(r Runner) *Recorder {
	return &Recorder{runner: r, report: Report{Name: r.Name(), Runs: map[string]int{}}}
}

// Run runs the hook once, and blocks until it has ended. A run that fails after ctx has ended says nothing about the
// revision, and is not counted.
func (r *Recorder) Run(ctx context.Context, e Event) error {
	begun := time.Now()
	r.mu.Lock()
	r.report.Running = true
	r.mu.Unlock()
	err := r.runner.Run(ctx, e)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Running = false
	if err != nil && ctx.Err() != nil {
		return err
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
	return err
}

// Report returns the present state of the hook.
func (r *Recorder) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report
}
