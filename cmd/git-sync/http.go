package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"git-sync/pkg/advice"
	"git-sync/pkg/server"
)

// listeners are the servers: one for operators, and one for the receiver unless it shares that port.
type listeners struct {
	server *server.Server // nil without --http-bind
	serve  []func(context.Context) error
}

// listen listens on all addresses, so that an address in use is reported before anything else is done. It returns all
// problems.
func (a *app) listen(ctx context.Context) []error {
	var problems []error
	take := func(option, address string, serve func(context.Context, net.Listener) error) {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			err = fmt.Errorf("listening on the address of %s: %w", option, err)
			if errors.Is(err, unix.EADDRINUSE) {
				err = advice.With(err, "another process uses this port; the containers of a pod share their ports, so give each git-sync a port of its own")
			}
			problems = append(problems, err)
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

// newServer returns the server for operators.
func (a *app) newServer() *server.Server {
	return server.New(server.Options{
		Build:   server.Build{Version: versionText(), Commit: commitText(), Go: runtime.Version(), Git: a.git.Version()},
		Metrics: a.cfg.Process.HTTP.Metrics, Pprof: a.cfg.Process.HTTP.Pprof, Receiver: a.cfg.Process.Receiver.Bind != "",
		Syncs: a.shown, InvalidConfig: a.invalidFile, Scrub: a.log.Scrub, Log: a.log.Logger(),
	})
}

// shown returns the instances for the server for operators.
func (a *app) shown() []server.Sync {
	instances := a.group.Instances()
	syncs := make([]server.Sync, 0, len(instances))
	for _, i := range instances {
		s := i.Sync()
		settings := server.Settings{Link: i.Link(), Period: s.Loop.Period.String(), Budget: s.Loop.Budget.String()}
		syncs = append(syncs, server.Sync{Name: s.Name, MaxStaleness: s.MaxStaleness, Settings: settings, Report: i.Report})
	}
	return syncs
}

// run serves on all ports until ctx ends. If a server fails before that, it calls fail.
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
