// Package syncer decides when to sync and what counts as failure.
//
// It hides the schedule (steady polling spread so that a fleet does not poll in
// step, retries that back off, triggers that coalesce), the two failure budgets
// and the initial phase, the time limit of one whole sync, and the watchdog over
// it. It knows nothing of git, HTTP or signals: the steps of a sync are given to
// it as small interfaces, and a sync is asked for by Trigger or Wait.
//
// # Invariants
//
// One sync is a straight line: credentials, prepare, pre-publish gate, publish,
// announce. No two syncs run side by side, not even when one of them is stuck in a
// system call that no signal ends: such a sync is reported as failed once its time
// is over, and nothing else is started until it has really ended.
//
// A trigger is never lost: those that arrive while a sync runs cause exactly one
// more sync after it, however many they are.
//
// Cleaning up and hooks are never on the path between a push and its publication,
// and their failures never fail a sync.
//
// # State
//
// All of it lives in one goroutine (Run) and dies with it; what others may see is
// the Report, a value, handed out whole. The truth about what is published is on
// disk and belongs to pkg/repo.
package syncer
