package syncer

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/repo"
)

const (
	// killGrace is how long a sync may take after its timeout to end its children.
	killGrace = time.Second
	// stopGrace is how long Run waits for a running sync when it is stopped: stopping takes less than two seconds.
	stopGrace = 1500 * time.Millisecond
	// slack is how late the loop may be on a busy machine before it counts as stuck.
	slack = 5 * time.Second
	// defaultTimeout is the default of Schedule.Timeout.
	defaultTimeout = 120 * time.Second
)

// ErrStopped is returned by Wait when the loop ends.
var ErrStopped = errors.New("git-sync is stopping")

// Steps are the steps of a sync. They are called one at a time, but from different goroutines. Published may be
// called at any time. Each step blocks until it is done, or until soon after its context has ended.
type Steps interface {
	// Refresh makes the credentials usable: it reads files again, and renews tokens that are due.
	Refresh(ctx context.Context) error
	// Prepare polls the remote and makes the tree of the ref's commit. It does not touch what is published.
	Prepare(ctx context.Context) (repo.Tree, error)
	// Restore is called after Refresh or Prepare has failed with cause. If the remote cannot be reached and the
	// published tree is damaged or gone, it makes that tree again from the local store. If the tree is not New, there
	// is nothing to do.
	Restore(ctx context.Context, cause error) (repo.Tree, error)
	// Publish publishes a tree of Prepare or Restore: this is the commit point. It returns the published tree, whose
	// path may have changed.
	Publish(ctx context.Context, t repo.Tree) (repo.Tree, error)
	// Clean starts to remove what is no longer needed, and does not block: the work runs in the background, and gives
	// way to Prepare. WaitClean blocks until it is done, or returns ctx's error.
	Clean(ctx context.Context)
	WaitClean(ctx context.Context) error
	// Succeeded records on the disk that a sync has succeeded.
	Succeeded(ctx context.Context)
	// Published returns the published revision, and whether there is one. It does not wait for the network.
	Published() (repo.Revision, bool)
}

// Options configures a Syncer. Only Steps is required.
type Options struct {
	Steps Steps

	// Repo (without user and password) and Ref are for the Report. If Ref is "", the Report has the ref of each tree.
	Repo, Ref string

	Schedule

	// Gate runs the pre-publish hook in a tree before it is published. previous is the published hash. An error
	// prevents the publication. A refused revision is tried again after GateBackoff (0: at the next poll), another
	// revision at once. A refusal counts against the budget only if OneTime.
	Gate        func(ctx context.Context, t repo.Tree, previous string) error
	GateBackoff time.Duration
	// Announce announces a tree after it was published. The first successful sync also announces the tree found at
	// start. It must not block.
	Announce func(t repo.Tree, previous string)
	// Touch touches the touch file at the same times. If the tree found at start may be used, it is touched even if
	// the first sync fails. An error is logged, and the next sync tries again.
	Touch func() error

	// Observe gets each new Report. Failed is called for each failure that counts, Succeeded for each success. The
	// loop itself calls them, so they must not block.
	Observe   func(Report)
	Failed    func(err error, failures int)
	Succeeded func()

	// Slots limits how many syncs of several loops run at the same time: each sync puts a value into the channel
	// while it runs. Waiting loops get a slot in the order of arrival. nil: no limit.
	Slots chan struct{}
	Log   logr.Logger
}

// Syncer is the sync loop. Run may be called once. All other methods may be called concurrently, also before and
// after Run.
type Syncer struct {
	opt     Options
	inbox   *inbox
	stopped chan struct{} // closed when Run has returned

	mu     sync.Mutex // guards report
	report Report

	// The following fields are used only by the goroutine of Run.
	sit       situation
	failures  int     // consecutive ones
	charged   int     // those that count against the budget
	repeats   repeats // of the same failure
	sequence  sequence
	stuck     *attempt  // a sync that did not end in time and is still running
	notBefore time.Time // no sync before this time, because the server asked for a delay
	lastPush  time.Time // start of the last sync caused by a push
}

// New returns a loop. Call Run to start it.
func New(opt Options) *Syncer {
	opt.InitPeriod = cmp.Or(opt.InitPeriod, opt.Period)
	opt.Timeout = cmp.Or(opt.Timeout, defaultTimeout)
	if opt.InitBudget == nil {
		opt.InitBudget = &opt.Budget
	}
	if opt.Rand == nil {
		opt.Rand = rand.Float64
	}
	return &Syncer{
		opt:      opt,
		inbox:    newInbox(),
		stopped:  make(chan struct{}),
		report:   Report{Repo: opt.Repo, Ref: opt.Ref},
		sit:      situation{oneTime: opt.OneTime},
		repeats:  repeats{},
		sequence: sequence{opt: opt, isFirst: true},
	}
}

// Run syncs until ctx ends, the failure budget is spent, or (OneTime) a sync has succeeded. It returns nil if ctx has
// ended the loop, or if a one-time sync is complete. It returns ErrInterrupted if ctx has ended a one-time sync
// before that. If the budget is spent, the error wraps the last failure.
//
// When Run returns, no step is running, unless one hangs in a system call. The work of Clean may still be running.
// Stopping takes less than two seconds.
func (s *Syncer) Run(ctx context.Context) error {
	defer close(s.stopped)
	defer s.update(func(r *Report) {
		r.Deadline, r.Next, r.Running = time.Time{}, time.Time{}, false
	})
	s.notePublished()

	next := &request{source: SourceStart}
	s.countTrigger(SourceStart)
	for {
		out := s.attempt(ctx, next)
		if out.err != nil && ctx.Err() != nil {
			return s.interrupted()
		}
		if out.err != nil {
			s.noteRestored()
		}
		delay, err := s.finish(next, out)
		if err != nil {
			return err
		}
		if out.err == nil && s.opt.OneTime {
			s.finishCleaning(ctx)
			return nil
		}
		if next, err = s.await(ctx, time.Now().Add(delay)); err != nil {
			return s.interrupted()
		}
	}
}

// notePublished records what is published at start.
func (s *Syncer) notePublished() {
	s.update(func(r *Report) { r.Deadline = time.Now().Add(slack) })
	rev, ok := s.opt.Steps.Published()
	s.sit.published = ok
	if !ok {
		return
	}
	lastSuccess := rev.LastSuccess
	if lastSuccess.Before(rev.Since) {
		lastSuccess = rev.Since
	}
	s.update(func(r *Report) { r.Hash, r.Since, r.LastSuccess = rev.Hash, rev.Since, lastSuccess })
}

// noteRestored records what is published after a failed sync, which may have restored it.
func (s *Syncer) noteRestored() {
	rev, ok := s.opt.Steps.Published()
	if !ok || s.stuck != nil {
		return
	}
	s.sit.published = true
	if s.report.Hash != rev.Hash {
		s.update(func(r *Report) { r.Hash, r.Since = rev.Hash, rev.Since })
	}
}

func (s *Syncer) interrupted() error {
	if s.opt.OneTime {
		return ErrInterrupted
	}
	return nil
}

// await blocks until the next sync should start: at due, or earlier if a trigger arrives.
func (s *Syncer) await(ctx context.Context, due time.Time) (*request, error) {
	s.update(func(r *Report) {
		r.Next = due
		if s.stuck == nil {
			r.Deadline = due.Add(slack)
		}
	})
	for ctx.Err() == nil {
		now := time.Now()
		source, at := SourcePeriod, due
		if asked := s.inbox.peek(); asked != "" && s.stuck == nil {
			if t := s.earliest(asked); t.Before(due) {
				source, at = asked, t
			}
		}
		if !at.After(now) {
			return s.accept(source, now), nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(at.Sub(now)):
		case <-s.inbox.kick:
		case out := <-s.stuck.ended():
			s.late(out)
			due = now // check at once what the stuck sync has changed
		}
	}
	return nil, ctx.Err()
}

// earliest returns when a sync of that source may start.
func (s *Syncer) earliest(source string) time.Time {
	if gap := s.lastPush.Add(pushGap); source == SourceReceiver && gap.After(s.notBefore) {
		return gap
	}
	return s.notBefore
}

// accept takes the waiting request. A poll that is due anyway also serves the waiting request.
func (s *Syncer) accept(source string, now time.Time) *request {
	q := s.inbox.take()
	if q == nil {
		q = &request{source: source}
		s.countTrigger(source)
	}
	if q.source == SourceReceiver {
		s.lastPush = now
	}
	return q
}

// finishCleaning waits for the clean-up of a one-time sync, for the timeout of a sync at most.
func (s *Syncer) finishCleaning(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	if err := s.opt.Steps.WaitClean(ctx); err != nil {
		s.opt.Log.V(1).Info("clean-up interrupted", "error", err.Error())
	}
}
