// Package hook runs hooks for a revision: a program, or an HTTP request.
//
// It hides how long a hook may run, what happens to its processes, which parts of our environment it gets, when a
// failed one is retried, and for which revision it runs if several were published meanwhile.
//
// # Invariants
//
// A hook never delays the loop: Queue.Send does not block, and each queue runs concurrently with it. A queue never
// runs its hook twice at the same time. The hook may skip revisions, but it always runs for the newest one, and is
// retried until it succeeds (except in a queue with Once).
//
// A hook's processes do not outlive its timeout: the whole process group is killed. It gets none of our secrets.
//
// A Recorder without a queue is different: it runs inside a sync, as the gate. A revision that it refuses is not published.
//
// # State
//
// The newest revision that was not delivered yet, in memory. After a restart, the published revision is sent again,
// so that nothing is lost. So a hook must be idempotent.
package hook

import (
	"context"
	"time"
)

// The names of the hooks, as in metrics and status.
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

// Event describes the revision that a hook runs for.
type Event struct {
	// Hash is the full hash of the revision. Previous is the hash of the one before; "" if there was none.
	Hash, Previous string
	// Dir is the absolute path of the revision's tree.
	Dir string
}

// Runner is one hook.
type Runner interface {
	// Name returns one of the Name constants.
	Name() string
	// Run runs the hook once. It blocks until the hook has answered, its timeout is over, or ctx has ended. An error
	// means that the hook has not accepted the revision. It may have a hint (Hint() string).
	Run(ctx context.Context, e Event) error
}

// Report is the state of a hook at one moment. It is a value: its map never changes.
type Report struct {
	Name string
	// Runs counts the runs since the start, by status.
	Runs map[string]int
	// Delivered is the last revision that the hook accepted. Pending is the one that it has not accepted yet. Both
	// may be "".
	Delivered, Pending string
	// Running says that the hook is running.
	Running bool
	// LastRun is when the last run ended, and LastDuration its duration; zero if there was none.
	LastRun      time.Time
	LastDuration time.Duration
	// LastError is the last failure, LastHint its hint. They are kept after recovery, when Failures is 0.
	LastError, LastHint string
	LastErrorAt         time.Time
	// Failures counts the consecutive failures; 0 after a success.
	Failures int
}
