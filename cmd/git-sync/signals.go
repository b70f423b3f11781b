package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
)

// stopOnSignal returns a context that ends at the first SIGTERM or SIGINT (or SIGHUP, unless it has another meaning or is
// ignored, as under nohup). At the second, the process exits at once.
//
// SIGPIPE is caught and dropped, so that a log without a reader does not end the program; being caught rather than
// ignored, it is as usual in children.
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

// onSignal calls f for each arrival of sig; those that come faster than f returns are one.
func onSignal(ctx context.Context, sig syscall.Signal, f func()) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, sig)
	go func() {
		defer signal.Stop(caught)
		for {
			select {
			case <-caught:
				f()
			case <-ctx.Done():
				return
			}
		}
	}()
}
