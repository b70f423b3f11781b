package syncer

import "time"

// Results of a sync, as Report.LastResult, Event.Result and the keys of Report.Counts.
const (
	// ResultSuccess is a sync that published a revision, or the first successful sync.
	ResultSuccess = "success"
	// ResultNoop is a sync that found nothing new.
	ResultNoop = "noop"
	// ResultError is a sync that failed.
	ResultError = "error"
)

// Sources of a trigger, as Report.Trigger and the keys of Report.Triggers.
const (
	// SourceStart is the sync made at start-up.
	SourceStart = "start"
	// SourcePeriod is a sync that was due: a poll or a retry.
	SourcePeriod = "period"
	// SourceSignal is a sync caused by --sync-on-signal.
	SourceSignal = "signal"
	// SourceReceiver is a sync caused by a push webhook.
	SourceReceiver = "receiver"
)

// Report is the state of the loop at one moment. It is a value: its maps and slices never change after it was handed
// out, so it may be kept and read from any goroutine.
//
// Options.Observe gets one at start, when a sync starts, when it ends, and when the published revision changes.
type Report struct {
	// Repo is the repository, without user and password. Ref is the ref to sync, or the published tag if a pattern of
	// tags is synced.
	Repo, Ref string

	Revision
	Attempt
	Failure
	Totals

	// History holds the newest publications and failures, at most 50, oldest first.
	History []Event

	// Next is when the next sync is due; zero while one runs, and if there will be none.
	Next time.Time
	// Deadline is when the loop must make its next step. If it is in the past, the loop is stuck, for example because
	// a disk blocks or a process is stopped. It is zero while no time limit applies: before the loop has started,
	// while a sync waits for a slot (--max-concurrent-syncs), and after the loop has ended.
	Deadline time.Time
}

// Revision is what is published.
type Revision struct {
	// Hash is the published commit; "" if there is none. PreviousHash is the one that it replaced, if this process
	// replaced it. Since is the time of publication.
	Hash, PreviousHash string
	Since              time.Time
	// PushedAt is when the trigger of the publication arrived; zero if a poll or the start found the revision. Since
	// minus PushedAt is the latency from push to publication.
	PushedAt time.Time
}

// Attempt is the running sync, and the last one that has ended.
type Attempt struct {
	// Running says that a sync has been running since Started.
	Running bool
	Started time.Time
	// Trigger is the cause of the running sync, or of the last one: one of the Source constants.
	Trigger string
	// LastAttempt is the start of the last sync that has ended, and LastDuration its duration. LastSuccess is the end
	// of the last successful sync, no-ops included, also if that was before a restart; zero if there was none.
	LastAttempt, LastSuccess time.Time
	LastDuration             time.Duration
	// LastResult is one of the Result constants; "" before the first sync has ended.
	LastResult string
}

// Failure is the last failure. It is kept after recovery, when Failures is 0.
type Failure struct {
	// LastError is the message of the failure, LastHint the hint; "" if there is none.
	LastError, LastHint string
	LastErrorAt         time.Time
	// LastRemote and LastHelper are the lines that the remote and a helper program (ssh, git-lfs) printed about it.
	LastRemote, LastHelper string
	// Failures counts the consecutive failures; 0 after a success. The first of them ended at FailingSince.
	Failures     int
	FailingSince time.Time
}

// Totals are counts since the start.
type Totals struct {
	// Counts is the number of syncs by Result. Triggers is the number of triggers by source, "period" and "start"
	// included. Durations is the total time of syncs by Result.
	Counts    map[string]int
	Triggers  map[string]int
	Durations map[string]time.Duration
}

// Event is one entry of a Report's History.
type Event struct {
	// Time is when the sync ended, Duration its duration.
	Time     time.Time
	Duration time.Duration
	// Result is ResultSuccess or ResultError; no-ops are not recorded.
	Result string
	// Hash is the published revision; "" for a failure.
	Hash string
	// Error is the message of the failure; "" for a success.
	Error string
	// Trigger is the cause of the sync.
	Trigger string
}

// Published reports whether anything is published.
func (r Report) Published() bool { return r.Hash != "" }

// Stuck reports whether the loop is past its deadline at the given time.
func (r Report) Stuck(now time.Time) bool {
	return !r.Deadline.IsZero() && now.After(r.Deadline)
}
