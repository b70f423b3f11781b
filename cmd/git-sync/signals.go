package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
)

// stopOnSignal returns a context that ends at the first SIGTERM or SIGINT. SIGHUP counts too, unless it triggers a
// sync or is ignored, as under nohup. At the second signal, the process exits at once.
//
// SIGPIPE is caught and dropped, so that the program continues if nobody reads its log. It is not ignored, because
// children would inherit that.
func stopOnSignal(ctx context.Context, log logr.Logger, syncOn syscall.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := []os.Signal{syscall.SIGTERM, syscall.SIGINT}
	if syncOn != syscall.SIGHUP && !signal.Ignored(syscall.SIGHUP) {
		stop = append(stop, syscall.SIGHUP)
	}
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, stop...)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		sig := <-caught
		log.Info("stopping", "signal", sig.String())
		cancel()
		<-caught
		os.Exit(exitFailed)
	}()
	return ctx, cancel
}

// onSignal calls f each time sig arrives. Signals that arrive while f runs count as one.
func onSignal(ctx context.Context, sig syscall.Signal, f func()) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, sig)
	context.AfterFunc(ctx, func() {
		signal.Stop(caught)
		close(caught)
	})
	go func() {
		for range caught {
			f()
		}
	}()
}
