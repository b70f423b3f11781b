// Package syncer decides when to sync and what counts as failure.
//
// It hides the schedule, the two failure budgets and the initial phase, the timeout of a whole sync, and the
// watchdog. The schedule spreads polls so that a fleet does not poll in step, backs off retries, and coalesces
// triggers. The package does not depend on git, HTTP or signals: the steps of a sync are small interfaces, and
// Trigger or Wait ask for a sync.
//
// # Invariants
//
// One sync is a sequence: refresh credentials, prepare, pre-publish hook, publish, announce. Two syncs never run at
// the same time, even if one hangs in a system call that no signal interrupts. After its timeout, such a sync is
// reported as failed, and no other sync starts until it has really ended.
//
// A trigger is never lost: if any number of triggers arrive during a sync, exactly one more sync follows.
//
// Clean-up and hooks never delay a publication, except the pre-publish hook, and their failures never fail a sync.
//
// # State
//
// All state is in one goroutine (Run) and ends with it. Others get copies of the Report. What is published is
// recorded on the disk, by pkg/repo.
package syncer
