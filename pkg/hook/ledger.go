package hook

import (
	"maps"
	"sync"
	"time"

	"git-sync/pkg/advice"
)

// ledger keeps a Report.
type ledger struct {
	mu     sync.Mutex
	report Report
}

func newLedger(name string) *ledger {
	return &ledger{report: Report{Name: name, Runs: map[string]int{}}}
}

// begin notes the start of a run.
func (l *ledger) begin() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Running = true
	return time.Now()
}

// abandon notes that a run was cut short by our own end: it says nothing about the hook.
func (l *ledger) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Running = false
}

// end notes the end of a run of a revision, and returns what was known before.
func (l *ledger) end(begun time.Time, hash string, err error) (before Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.report
	before = *r
	r.Running = false
	r.LastRun = time.Now()
	r.LastDuration = r.LastRun.Sub(begun)
	status := StatusSuccess
	if err != nil {
		status = StatusError
		r.Failures++
		r.LastError, r.LastHint, r.LastErrorAt = err.Error(), advice.Hint(err), r.LastRun
	} else {
		r.Failures = 0
		r.Delivered = hash
	}
	r.Runs = maps.Clone(r.Runs)
	r.Runs[status]++
	return before
}

func (l *ledger) snapshot() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.report
}
