// Package hook runs hooks for a revision: a program, or an HTTP request.
//
// It hides how long a hook may take and what becomes of its processes, what it gets to see of our environment, when a
// failed one is tried again, and which revision it hears of when several were published meanwhile.
//
// # Invariants
//
// A hook never delays the loop: Queue.Send does not block, and each queue runs beside it. At most one run of a queue's
// hook is under way at any time. Whatever the revisions in between, the newest one sent is the last one that the hook runs
// for, and (but for a queue with Once) it is retried until it succeeds.
//
// A hook's processes do not outlive its time: the whole group ends with it. It sees none of our secrets.
//
// A Gate differs in one thing: it runs inside a sync, and what it refuses is not published.
//
// # State
//
// The newest revision that was not yet delivered, in memory. After a restart the revision found in place is
// sent again, so that nothing is lost; a hook must therefore be idempotent.
package hook

import (
	"context"
	"time"
)

// The names of the hooks, as metrics and status show them.
const (
	// NameExec is the hook of --exechook-command.
	NameExec = "exechook"
	// NameWebhook is the hook of --webhook-url.
	NameWebhook = "webhook"
	// NamePrePublish is the gate of --pre-publish-exechook-command.
	NamePrePublish = "pre-publish-exechook"
)

// The keys of Report.Runs.
const (
	// StatusSuccess is a run that the hook accepted.
	StatusSuccess = "success"
	// StatusError is a run that failed.
	StatusError = "error"
)

// Event is what a hook runs for.
type Event struct {
	// Hash is the full hash of the revision, Previous that of the one before, "" if there was none.
	Hash, Previous string
	// Dir is the absolute path of the revision's tree.
	Dir string
}

// Runner is one hook.
type Runner interface {
	// Name is one of the Name constants.
	Name() string
	// Run runs the hook once, and blocks until it has answered, its time is over, or ctx has ended. Any error means
	// that the hook has not accepted the revision. An error may carry advice (Hint() string).
	Run(ctx context.Context, e Event) error
}

// Report is what is known about a hook at one instant. It is a value: the map in it is never written again.
type Report struct {
	Name string
	// Runs counts the runs since the start, by status.
	Runs map[string]int
	// Delivered is the last revision that the hook accepted, Pending the one it has not accepted yet; "" if there is none.
	Delivered, Pending string
	// Running says that a run is under way.
	Running bool
	// LastRun is when the last finished run ended, and LastDuration how long it took; zero if there was none.
	LastRun      time.Time
	LastDuration time.Duration
	// LastError is the newest failure, LastHint what to do about it. They stay after recovery, when Failures is 0.
	LastError, LastHint string
	LastErrorAt         time.Time
	// Failures counts the consecutive failures up to now.
	Failures int
}

// pause waits until the time is over, something arrives at wake, or ctx ends, whose error it then returns.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err()
}
