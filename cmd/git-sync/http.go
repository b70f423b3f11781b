package main

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"

	"git-sync/pkg/server"
)

// listeners are the servers: one for operators, and the receiver's own where it does not share that one's port.
type listeners struct {
	server *server.Server // nil without --http-bind
	serve  []func(context.Context) error
}

// listen takes the addresses, so that one that is taken shows before anything is done. It returns all that is wrong.
func (a *app) listen(ctx context.Context) []error {
	var problems []error
	take := func(option, address string, serve func(context.Context, net.Listener) error) {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			problems = append(problems, fmt.Errorf("taking the address of %s: %w", option, err))
			return
		}
		a.http.serve = append(a.http.serve, func(ctx context.Context) error { return serve(ctx, l) })
	}
	if at := a.cfg.Process.HTTP.Bind; at != "" {
		a.http.server = a.newServer()
		take("--http-bind", at, a.http.server.Serve)
	}
	at := a.cfg.Process.Receiver.Bind
	if at == "" {
		return problems
	}
	h := a.newReceiver()
	if at == a.cfg.Process.HTTP.Bind {
		a.http.server.Handle(a.cfg.Process.Receiver.Path, h)
	} else {
		take("--receiver-bind", at, func(ctx context.Context, l net.Listener) error {
			return server.ServeOnly(ctx, l, a.cfg.Process.Receiver.Path, h, a.log.Logger())
		})
	}
	return problems
}

// newServer makes what operators see.
func (a *app) newServer() *server.Server {
	return server.New(server.Options{
		Build:   server.Build{Version: versionText(), Commit: commitText(), Go: runtime.Version(), Git: a.git.Version()},
		Metrics: a.cfg.Process.HTTP.Metrics, Pprof: a.cfg.Process.HTTP.Pprof,
		Syncs: a.shown, InvalidConfig: a.invalidFile, Scrub: a.log.Scrub, Log: a.log.Logger(),
	})
}

// shown are the instances as operators see them.
func (a *app) shown() []server.Sync {
	instances := a.group.Instances()
	syncs := make([]server.Sync, 0, len(instances))
	for _, i := range instances {
		syncs = append(syncs, server.Sync{Name: i.Name(), MaxStaleness: i.Sync().MaxStaleness, Report: i.Report})
	}
	return syncs
}

// run answers on all ports until ctx ends; fail is called with what ended one before.
func (l *listeners) run(ctx context.Context, fail func(error)) {
	var all sync.WaitGroup
	for _, serve := range l.serve {
		all.Go(func() {
			if err := serve(ctx); err != nil && ctx.Err() == nil {
				fail(fmt.Errorf("serving HTTP: %w", err))
			}
		})
	}
	all.Wait()
}
