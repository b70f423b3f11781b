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
	// killGrace is what a sync may take beyond its time for ending its children (contract §4, I4).
	killGrace = time.Second
	// stopGrace is how long the loop waits for what is under way when it is stopped: stopping takes under two seconds.
	stopGrace = 1500 * time.Millisecond
	// slack is how far the loop may be behind its own schedule, on a machine that is busy, before it counts as stuck.
	slack = 5 * time.Second
	// defaultTimeout is the limit of one sync where none is given.
	defaultTimeout = 120 * time.Second
)

// ErrStopped is what those who wait for a sync get when the loop ends.
var ErrStopped = errors.New("git-sync is stopping")

// Steps are what a sync is made of. They are called one at a time, from changing goroutines, but for Published, which may be
// called at any time. Each blocks until it is done and ends soon after its context does.
type Steps interface {
	// Refresh makes the credentials usable: reads files again, renews tokens that are due.
	Refresh(ctx context.Context) error
	// Prepare asks the remote what the ref is at and makes the tree of it ready. What is published stays untouched.
	Prepare(ctx context.Context) (repo.Tree, error)
	// Restore is asked after Refresh or Prepare has failed with cause: where the remote cannot be reached and what is published
	// is damaged or gone, it makes that tree ready again from what is on the disk. A tree that is not New: nothing to do.
	Restore(ctx context.Context, cause error) (repo.Tree, error)
	// Publish makes a tree of Prepare or Restore the published one: the commit point. It returns the tree as it is published,
	// which may have moved for that.
	Publish(ctx context.Context, t repo.Tree) (repo.Tree, error)
	// Clean starts to remove what is no longer needed, and returns at once: the work goes on beside the loop, and gives way
	// to Prepare. Settle waits until it is done, or returns ctx's error.
	Clean(ctx context.Context)
	Settle(ctx context.Context) error
	// Published is what is published now, and whether anything is. It does not block on the network.
	Published() (repo.Revision, bool)
}

// Options are the loop's. Only Steps is required.
type Options struct {
	Steps Steps

	// Repo (without userinfo) and Ref are for the Report. Ref "": what each tree was found under.
	Repo, Ref string

	Schedule
	Hooks
	Observers

	// Slots limits how many syncs of several loops run at the same time: a sync puts a value in while it runs. Loops that
	// wait for a slot get one in the order in which they came. nil: no limit.
	Slots chan struct{}
	Log   logr.Logger
}

// Hooks are called around a publication. Each is optional.
type Hooks struct {
	// Gate runs the pre-publish hook in a tree that is about to be published, previous being the hash that is published; its
	// error keeps the tree from being published. A revision that was refused is tried again after GateBackoff (0: at the next
	// poll), another revision at once. A refusal counts against the budget only if OneTime.
	Gate        func(ctx context.Context, t repo.Tree, previous string) error
	GateBackoff time.Duration
	// Announce announces a tree after it was published, and the one found in place by the first successful sync. It must
	// not block.
	Announce func(t repo.Tree, previous string)
	// Touch touches the touch file, at the same occasions; for the tree found in place, when it may be used, even if the
	// first sync fails. An error is logged and tried again at the next sync.
	Touch func() error
}

// Observers are called by the loop itself: they must not block. Each is optional.
type Observers struct {
	// Observe is given each new Report.
	Observe func(Report)
	// Failed is called for each failure that counts, and Succeeded for each success. They keep the error file.
	Failed    func(err error, failures int)
	Succeeded func()
}

// Syncer is the loop. Run it once; everything else may be called from anywhere, before and after, too.
type Syncer struct {
	opt     Options
	inbox   *inbox
	stopped chan struct{} // closed when Run has returned

	mu     sync.Mutex // guards report
	report Report

	// The rest belongs to the goroutine of Run.
	sit      situation
	failures int     // consecutive ones
	charged  int     // those that count against the budget
	repeats  repeats // of one failure
	line     line
	stuck    *attempt  // a sync that did not end in time and still runs
	hold     time.Time // before this, nothing is asked of a server that wants to be left alone
	lastPush time.Time // start of the last sync caused by a push
}

// New makes a loop that waits to be run.
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
		opt:     opt,
		inbox:   newInbox(),
		stopped: make(chan struct{}),
		report:  Report{Repo: opt.Repo, Ref: opt.Ref},
		sit:     situation{oneTime: opt.OneTime},
		line:    line{opt: opt, isFirst: true},
	}
}

// Run syncs until ctx ends, the failure budget is spent, or (OneTime) a sync has succeeded. It returns nil when ctx ended
// a loop or a one-time sync is complete, ErrInterrupted when ctx ended a one-time sync before that, and an error that wraps
// the last failure when the budget is spent.
//
// When it returns, no step runs any more, unless one is stuck in a system call; what Clean started is not its business.
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
		delay, err := s.settle(next, out)
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

// notePublished notes what is in place at start.
func (s *Syncer) notePublished() {
	s.update(func(r *Report) { r.Deadline = time.Now().Add(slack) })
	rev, ok := s.opt.Steps.Published()
	s.sit.published = ok
	if ok {
		s.update(func(r *Report) { r.Hash, r.Since = rev.Hash, rev.Since })
	}
}

// noteRestored notes what is in place after a failed sync, which may have restored it.
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

// await blocks until a sync is to be made: at due, or earlier when asked for.
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
		timer := time.NewTimer(at.Sub(now))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.inbox.kick:
		case out := <-s.stuck.ended():
			s.late(out)
			due = now // it took its time; see at once how things are
		}
		timer.Stop()
	}
	return nil, ctx.Err()
}

// earliest is when a sync of that source may start.
func (s *Syncer) earliest(source string) time.Time {
	if source != SourceReceiver {
		return s.hold
	}
	if gap := s.lastPush.Add(pushGap); gap.After(s.hold) {
		return gap
	}
	return s.hold
}

// accept takes what has been asked for until now; a poll that is due anyway serves it as well.
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

// finishCleaning lets the clean-up of a one-time sync come to its end, within the time of a sync.
func (s *Syncer) finishCleaning(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	if err := s.opt.Steps.Settle(ctx); err != nil {
		s.opt.Log.V(1).Info("ending before the clean-up is done; the next run goes on with it", "reason", err.Error())
	}
}
