package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/config"
	"git-sync/pkg/git"
	"git-sync/pkg/instance"
	"git-sync/pkg/logging"
	"git-sync/pkg/syncer"
)

// stopLimit is how long stopping waits for what is under way. Two seconds are promised in all; the rest of them is for a
// busy machine.
const stopLimit = time.Second

// app is what runs in the process: an instance for each repository, and the servers.
type app struct {
	cfg       config.Config
	log       *logging.Logging
	git       *git.Git
	instances []*instance.Instance
	http      listeners
}

// assemble builds everything from the configuration. It looks at git, the roots and the addresses to listen on, and returns
// all that is wrong with them at once.
func (p process) assemble(ctx context.Context, cfg config.Config, log *logging.Logging) (*app, []error) {
	a := &app{cfg: cfg, log: log}
	var problems []error
	note := func(errs ...error) {
		problems = append(problems, slices.DeleteFunc(errs, func(err error) bool { return err == nil })...)
	}

	self, err := os.Executable()
	if err != nil {
		note(fmt.Errorf("finding our own executable, which git runs to ask for credentials: %w", err))
	}
	a.git, err = git.New(ctx, git.Options{Path: cfg.Process.Git, Env: p.environ, Log: log.Logger(), Observe: a.http.gitEnded})
	note(err)
	wd, err := os.Getwd()
	note(err)
	for _, s := range cfg.Syncs {
		i, errs := instance.New(instance.Options{
			Sync: s.In(wd), OneTime: cfg.Process.OneTime, AddUser: cfg.Process.AddUser, Self: self,
			Environ: p.environ, Secrets: cfg.Secrets(), Umask: umask(),
			Git: a.git, Log: log.Of(s.Name), Observe: a.http.observer(s.Name),
		})
		a.instances = append(a.instances, i)
		note(errs...)
	}
	note(a.listen(ctx)...)
	return a, problems
}

// umask is the process's umask, which umask(2) tells only by changing it.
func umask() fs.FileMode {
	mask := unix.Umask(0o022)
	unix.Umask(mask)
	return fs.FileMode(mask)
}

// run runs the instances, and the servers beside them.
func (a *app) run(ctx context.Context) error {
	if sig := a.cfg.Process.SyncOnSignal; sig != 0 {
		onSignal(ctx, sig, a.trigger)
	}
	stopping := make(chan time.Time, 1) // when stopping began, if it did
	defer context.AfterFunc(ctx, func() { stopping <- time.Now() })()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	beside, stop := context.WithCancel(ctx)
	defer stop()
	var servers sync.WaitGroup
	servers.Go(func() { a.http.run(beside, fail) })

	err := a.instances[0].Run(ctx)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause // a server that ended
	}
	stop()
	deadline := time.Now()
	select {
	case deadline = <-stopping:
	default:
	}
	within(deadline.Add(stopLimit), servers.Wait)
	a.stop(deadline)
	return err
}

// trigger asks each instance for a sync, on a signal.
func (a *app) trigger() {
	for _, i := range a.instances {
		i.Trigger(syncer.SourceSignal)
	}
}

// refuse reports all that is wrong with a start, and takes away what it has made.
func (a *app) refuse(problems []error) {
	for _, problem := range problems {
		a.log.Logger().Error(problem, "cannot start")
	}
	a.stop(time.Now())
	within(time.Now().Add(stopLimit), func() {
		for _, i := range a.instances {
			i.Refuse(problems)
		}
	})
}

// stop closes the instances, and waits for that not much longer than stopping may take from when it began.
func (a *app) stop(began time.Time) {
	within(began.Add(stopLimit), func() {
		for _, i := range a.instances {
			if err := i.Close(); err != nil {
				a.log.Logger().Error(err, "closing failed")
			}
		}
	})
}

// within waits for f, but not beyond the deadline.
func within(deadline time.Time, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
