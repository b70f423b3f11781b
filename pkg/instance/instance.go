package instance

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"git-sync/pkg/advice"
	"git-sync/pkg/auth"
	"git-sync/pkg/config"
	"git-sync/pkg/git"
	"git-sync/pkg/hook"
	"git-sync/pkg/logging"
	"git-sync/pkg/repo"
	"git-sync/pkg/repo/remote"
	"git-sync/pkg/syncer"
)

// Options has the configuration of one repository, and what the process provides. Slots, Polls and Observe are
// optional.
type Options struct {
	// Sync is the repository's configuration. Its paths are absolute, except those that are relative to its root.
	Sync config.Sync
	// OneTime ends Run at the first success.
	OneTime bool
	// Describe has published commits described, for /status.
	Describe bool
	// AddUser allows writing to /etc/passwd if our UID has no name and ssh needs one.
	AddUser bool
	// Self is the absolute path of our own executable. Its main must call auth.Helper first.
	Self string
	// Environ is the process's environment. Secrets are the values that hooks must not see.
	Environ, Secrets []string
	// Umask is the process's umask.
	Umask fs.FileMode
	// Git runs git, without the repository's own configuration.
	Git *git.Git
	// Log is the log of the repository.
	Log *logging.Logging
	// Slots limits how many syncs run at the same time: see syncer.Options. nil: no limit.
	Slots chan struct{}
	// Polls joins the polls of instances with the same remote. nil: each instance polls separately.
	Polls *remote.Pool
	// Check returns an error if something else is wrong with a sync.
	Check func(config.Sync) error
	// Observe gets each new report of the loop. It must not block. Optional.
	Observe func(syncer.Report)
}

// Instance is one synced repository.
type Instance struct {
	opt      Options
	problems []error // why it cannot start
	opened   time.Time

	auth   *auth.Auth
	repo   *repo.Repo
	hooks  hooks
	errors *errorKeeper
	syncer *syncer.Syncer
	close  func() error

	polled atomic.Pointer[syncer.Syncer] // the syncer, for use by poll
}

// Report is the state of an instance at one moment. It is a value.
type Report struct {
	syncer.Report
	// Unusable says why the published tree must not be used; "" if it may be used.
	Unusable string
	Commit   repo.Commit // description of the published commit, once it is known
	Hooks    []hook.Report
	Root     repo.Stats
	Auth     auth.Report
}

// New assembles an instance. It checks the root and the link, and collects all problems: see Problems.
func New(o Options) *Instance {
	i := &Instance{opt: o, opened: time.Now()}
	i.close = sync.OnceValue(i.closeParts)
	g := o.Git.With(git.Overlay{Config: o.Sync.Config}).WithLog(o.Log.Logger())
	if o.Sync.GroupWrite {
		g = g.WithUmask(groupUmask)
	}
	i.auth = newAuth(o, g)
	progress := o.Log.Progress()
	var err error
	if i.repo, err = repo.Open(repoOptions(o, g, progress, i.poll)); err != nil {
		i.problems = append(i.problems, err)
	}
	i.hooks = newHooks(o)
	if err := o.Check(o.Sync); err != nil {
		i.problems = append(i.problems, err)
	}
	if len(i.problems) == 0 {
		i.connect(progress)
	}
	return i
}

// Problems returns why the instance cannot start. If there are any, do not call Run, but Close and Refuse.
func (i *Instance) Problems() []error { return i.problems }

// connect makes the loop from the parts.
func (i *Instance) connect(progress *logging.Progress) {
	s, log := i.opt.Sync, i.opt.Log
	i.errors = keepErrors(log.ErrorFile(below(i.repo.Root(), s.ErrorFile)), log.Logger())
	opt := s.Loop
	opt.Steps = &steps{Repo: i.repo, auth: i.auth, progress: progress.Done}
	opt.Repo, opt.Ref = logging.Redact(s.URL), Followed(s)
	opt.OneTime, opt.Slots = i.opt.OneTime, i.opt.Slots
	opt.Log, opt.Observe = log.Logger(), i.opt.Observe
	opt.Announce, opt.Failed, opt.Succeeded = i.hooks.send, i.errors.failed, i.errors.succeeded
	if i.hooks.gate != nil {
		opt.Gate = i.hooks.check
	}
	if touchFile := below(i.repo.Root(), s.TouchFile); touchFile != "" {
		opt.Touch = func() error { return i.touch(touchFile) }
	}
	i.syncer = syncer.New(opt)
	i.polled.Store(i.syncer)
}

// Run syncs until ctx ends, until the failure budget is spent, or until a one-time sync and its hooks have succeeded.
// Hooks run concurrently with the loop. The error is that of syncer.Run, or names the hooks that failed.
//
// When Run returns, no hook and no step of a sync is running. It returns within two seconds after ctx has ended.
func (i *Instance) Run(ctx context.Context) error {
	hooksCtx, stop := context.WithCancel(ctx)
	defer stop()
	var hooks sync.WaitGroup
	hooks.Go(func() { i.hooks.run(hooksCtx) })
	err := i.syncer.Run(ctx)
	if err == nil && i.opt.OneTime {
		err = i.hooks.wait(ctx)
	}
	stop()
	hooks.Wait()
	return err
}

// Sync returns the configuration of the instance.
func (i *Instance) Sync() config.Sync { return i.opt.Sync }

// Link returns the published path. It is absolute, and may lead through symlinks.
func (i *Instance) Link() string { return below(i.opt.Sync.Root, i.opt.Sync.Link) }

// Trigger asks for a sync as soon as possible: see syncer.Trigger.
func (i *Instance) Trigger(source string) {
	if i.syncer != nil {
		i.repo.Expire()
		i.syncer.Trigger(source)
	}
}

// poll starts a poll early, because another instance's poll has found a change. It may be called before the instance
// is complete.
func (i *Instance) poll() {
	if s := i.polled.Load(); s != nil {
		s.Trigger(syncer.SourcePeriod)
	}
}

// Wait asks for a sync and waits for its result: see syncer.Wait.
func (i *Instance) Wait(ctx context.Context, source string) (hash string, err error) {
	if i.syncer == nil {
		return "", errors.Join(i.problems...)
	}
	i.repo.Expire()
	return i.syncer.Wait(ctx, source)
}

// Report returns the present state of the instance. It does not wait for the disk or the network.
func (i *Instance) Report() Report {
	if i.syncer == nil {
		err := errors.Join(i.problems...)
		return Report{Report: syncer.Report{
			Repo:    logging.Redact(i.opt.Sync.URL),
			Ref:     Followed(i.opt.Sync),
			Failure: syncer.Failure{LastError: err.Error(), LastHint: advice.Hint(err), LastErrorAt: i.opened, Failures: 1},
		}}
	}
	revision, _ := i.repo.Published()
	return Report{
		Report: i.syncer.Report(), Unusable: revision.Unusable, Commit: revision.Commit,
		Hooks: i.hooks.reports(), Root: i.repo.Stats(), Auth: i.auth.Report(),
	}
}

// Close releases the root and removes the credentials. Further calls do nothing. It blocks if the disk does.
func (i *Instance) Close() error { return i.close() }

func (i *Instance) closeParts() error {
	if i.errors != nil {
		i.errors.close()
	}
	i.auth.Close()
	if i.repo != nil {
		return i.repo.Close() // last, because a disk may delay it
	}
	return nil
}
