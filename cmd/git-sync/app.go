package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"git-sync/pkg/syncer"
)

// stopLimit is how long stopping waits for what is under way. Two seconds are promised in all; the rest of them is for a
// busy machine.
const stopLimit = time.Second

// run syncs until the loop ends, hooks and servers running beside it.
func (a *app) run(ctx context.Context) error {
	if sig := a.cfg.Process.SyncOnSignal; sig != 0 {
		onSignal(ctx, sig, func() { a.syncer.Trigger(syncer.SourceSignal) })
	}
	began := make(chan time.Time, 1) // when stopping began, if it did
	defer context.AfterFunc(ctx, func() { began <- time.Now() })()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	beside, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { a.hooks.run(beside) })
	all.Go(func() { a.http.run(beside, fail) })

	err := a.syncer.Run(ctx)
	if err == nil && a.cfg.Process.OneTime {
		err = a.hooks.wait(ctx)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause // a server that ended
	}
	stop()
	deadline := time.Now()
	select {
	case deadline = <-began:
	default:
	}
	deadline = deadline.Add(stopLimit)
	within(deadline, all.Wait)
	within(deadline, a.close)
	return err
}

// close lets go of everything, and waits for what has to come to an end.
func (a *app) close() {
	if a.errors != nil {
		a.errors.close()
	}
	if a.auth != nil {
		a.logged("forgetting credentials", a.auth.Close())
	}
	if a.repo != nil {
		a.logged("letting go of the root", a.repo.Close()) // last: a disk may hold it up
	}
}

// undo takes away what a run that was refused has made.
func (a *app) undo() {
	if a.repo != nil {
		a.repo.Undo()
	}
}

func (a *app) logged(what string, err error) {
	if err != nil {
		a.log.Logger().Error(err, "closing failed", "step", what)
	}
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
