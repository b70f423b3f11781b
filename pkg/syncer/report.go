package syncer

import "time"

// Results of a sync, as Report.LastResult, Event.Result and the keys of Report.Counts.
const (
	// ResultSuccess is a sync that published a revision, and the first successful sync whatever it did.
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
	// SourcePeriod is a sync made because its time had come: steady polling, and retries.
	SourcePeriod = "period"
	// SourceSignal is a sync asked for by --sync-on-signal.
	SourceSignal = "signal"
	// SourceReceiver is a sync asked for by a forge's push.
	SourceReceiver = "receiver"
)

// Report is what the loop knows about itself at one instant. It is a value: the
// maps and slices in it are never written again after it was handed out, so it may
// be kept and read from any goroutine.
//
// One is sent to Options.Observe at start, when a sync starts, when it ends, and
// whenever anything else in it has changed.
type Report struct {
	// Repo is the repository, without user and password; Ref is what is followed, or, where that is a pattern of tags, the tag
	// that is published.
	Repo, Ref string

	Revision
	Attempt
	Failure
	Totals

	// History holds the newest publications and failures, at most 50, oldest first.
	History []Event

	// Next is when the next sync is due; zero while one runs and when none will.
	Next time.Time
	// Deadline is when the loop must have moved on: while it is in the past, the loop is stuck (a disk that
	// blocks, a stopped process). It is zero only before the loop has started and after it has ended.
	Deadline time.Time
}

// Revision is what is published.
type Revision struct {
	// Hash is the published commit, "" as long as there is none, PreviousHash the one it replaced
	// (known only when this process replaced it), and Since the time of publication.
	Hash, PreviousHash string
	Since              time.Time
	// PushedAt is when the trigger arrived that led to it, zero if a poll or the start found it. Since minus PushedAt is the
	// latency from push to publication.
	PushedAt time.Time
}

// Attempt is the sync under way, and the last one that has ended.
type Attempt struct {
	// Running says that a sync is under way, since Started.
	Running bool
	Started time.Time
	// Trigger is what caused the last (or the running) sync: one of the Source constants.
	Trigger string
	// LastAttempt is when the last finished sync started, LastDuration how long it took,
	// LastSuccess when the last successful one (no-ops included) ended; zero if there was none.
	LastAttempt, LastSuccess time.Time
	LastDuration             time.Duration
	// LastResult is "" before the first sync has ended, else one of the Result constants.
	LastResult string
}

// Failure is the newest failure. It stays after recovery, when Failures is 0.
type Failure struct {
	// LastError is the failure in the user's terms, LastHint what to do about it ("" when there is no advice).
	LastError, LastHint string
	LastErrorAt         time.Time
	// LastRemote and LastHelper are what the remote and a helper program (ssh, git-lfs) said about it, line by line.
	LastRemote, LastHelper string
	// Failures counts the consecutive failures up to now; 0 after a success.
	Failures int
}

// Totals are since the start.
type Totals struct {
	// Counts is the number of syncs, by Result; Triggers the number of triggers received, by source ("period" and "start"
	// included); Durations the total time of syncs, by Result.
	Counts    map[string]int
	Triggers  map[string]int
	Durations map[string]time.Duration
}

// Event is one line of a Report's History.
type Event struct {
	// Time is when the sync ended, Duration how long it took.
	Time     time.Time
	Duration time.Duration
	// Result is ResultSuccess or ResultError; no-ops are not kept.
	Result string
	// Hash is the revision published, "" for a failure.
	Hash string
	// Error is the failure, "" for a success.
	Error string
	// Trigger is what caused the sync.
	Trigger string
}

// Published says whether anything is published.
func (r Report) Published() bool { return r.Hash != "" }

// Stuck says whether, at the given time, the loop has been at one thing for longer than it may be.
func (r Report) Stuck(now time.Time) bool {
	return !r.Deadline.IsZero() && now.After(r.Deadline)
}
