package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/config"
	"git-sync/pkg/git"
	"git-sync/pkg/instance"
	"git-sync/pkg/logging"
	"git-sync/pkg/repo/remote"
	"git-sync/pkg/syncer"
)

// stopLimit is how long stopping waits for running work. Stopping should take two seconds in all; the rest is reserve
// for a busy machine.
const stopLimit = time.Second

// app is the running program: an instance for each repository, and the servers.
type app struct {
	cfg   config.Config
	log   *logging.Logging
	git   *git.Git
	group *instance.Group
	http  listeners

	secrets atomic.Pointer[[]string] // of the newest configuration
	invalid atomic.Value             // text: why the file of --config is ignored; "" if it is used
}

// assemble makes everything from the configuration. It checks git, the roots and the addresses to listen on, and
// returns all reasons why the process cannot start.
func (p process) assemble(ctx context.Context, cfg config.Config, log *logging.Logging) (*app, []error) {
	a := &app{cfg: cfg, log: log}
	a.secrets.Store(&cfg.Secrets)
	var problems []error
	note := func(errs ...error) {
		problems = append(problems, slices.DeleteFunc(errs, func(err error) bool { return err == nil })...)
	}
	self, err := os.Executable()
	if err != nil {
		note(fmt.Errorf("finding our own executable, which git runs to ask for credentials: %w", err))
	}
	a.git, err = git.New(ctx, git.Options{
		Path: cfg.Process.Git, Env: p.environ, Log: log.Logger(),
		Observe: func(command string, took time.Duration) { a.http.server.ObserveGit(command, took) },
	})
	note(err)
	shared := instance.Options{
		OneTime: cfg.Process.OneTime, Describe: cfg.Process.HTTP.Bind != "", AddUser: cfg.Process.AddUser, Self: self,
		Environ: p.environ, Umask: umask(), Git: a.git, Check: a.checkReceiver,
	}
	if a.many() {
		shared.Polls = &remote.Pool{}
		shared.Slots = make(chan struct{}, cmp.Or(cfg.Process.MaxConcurrentSyncs, 2*runtime.NumCPU()))
	}
	a.group = &instance.Group{
		OneTime: cfg.Process.OneTime, Log: log,
		Open: func(s config.Sync) *instance.Instance {
			o := shared
			o.Sync, o.Log = s, log.Of(s.Name)
			o.Observe = func(r syncer.Report) { a.http.server.Observe(s.Name, r) }
			o.Secrets = *a.secrets.Load()
			return instance.New(o)
		},
	}
	unable := a.group.Add(cfg.Syncs)
	note(a.listen(ctx)...)
	if len(problems) > 0 || !a.many() {
		note(unable...) // of several syncs, those that can start will run
	}
	return a, problems
}

// many reports whether a file lists the syncs, so that they have names.
func (a *app) many() bool { return a.cfg.Process.File != "" }

// umask returns the process's umask. umask(2) can only return it by changing it.
func umask() fs.FileMode {
	mask := unix.Umask(0o022)
	unix.Umask(mask)
	return fs.FileMode(mask)
}

// run runs the instances and the servers.
func (a *app) run(ctx context.Context, p process) error {
	if sig := a.cfg.Process.SyncOnSignal; sig != 0 {
		onSignal(ctx, sig, a.trigger)
	}
	stopping := make(chan time.Time, 1) // when stopping began
	defer context.AfterFunc(ctx, func() { stopping <- time.Now() })()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	serversCtx, stop := context.WithCancel(ctx)
	defer stop()
	var servers sync.WaitGroup
	servers.Go(func() { a.http.run(serversCtx, fail) })
	changes := make(chan []config.Sync)
	if a.many() && !a.cfg.Process.OneTime {
		go a.followFile(ctx, p, changes)
	}

	err := a.group.Run(ctx, changes)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause // a server has failed
	}
	stop()
	deadline := time.Now()
	select {
	case deadline = <-stopping:
	default:
	}
	within(deadline.Add(stopLimit), servers.Wait)
	within(deadline.Add(stopLimit), a.group.Close)
	return err
}

// trigger asks each instance for a sync, after a signal.
func (a *app) trigger() {
	for _, i := range a.group.Instances() {
		i.Trigger(syncer.SourceSignal)
	}
}

// refuse logs why the process cannot start, and removes what it has created.
func (a *app) refuse(problems []error) {
	for _, problem := range problems {
		a.log.Logger().Error(problem, "cannot start")
	}
	within(time.Now().Add(stopLimit), func() {
		a.group.Close()
		for _, i := range a.group.Instances() {
			i.Refuse(problems)
		}
	})
}

// within waits for f, until the deadline at the latest.
func within(deadline time.Time, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(time.Until(deadline)):
	}
}
