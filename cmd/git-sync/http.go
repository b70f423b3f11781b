package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"git-sync/pkg/syncer"
)

// listeners are the servers: one for operators, and the receiver's own where it does not share that one's port.
type listeners struct {
	listener net.Listener
	receiver *receiverServer
}

// listen takes the addresses, so that one that is taken shows before anything is done.
func (a *app) listen(ctx context.Context) error {
	var problems error
	if a.cfg.HTTP.Bind != "" {
		l, err := bind(ctx, "--http-bind", a.cfg.HTTP.Bind)
		problems = errors.Join(problems, err)
		a.http.listener = l
	}
	if a.cfg.Receiver.Bind == "" {
		return problems
	}
	h, err := a.newReceiver()
	if err != nil {
		return errors.Join(problems, err)
	}
	l, err := bind(ctx, "--receiver-bind", a.cfg.Receiver.Bind)
	if err != nil {
		return errors.Join(problems, err)
	}
	a.http.receiver = newReceiverServer(l, a.cfg.Receiver.Path, h)
	return problems
}

func bind(ctx context.Context, option, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on the address of %s: %w", option, err)
	}
	return l, nil
}

// serve answers on all ports until ctx ends; failed is told what ended one before.
func (l *listeners) serve(ctx context.Context, failed func(error)) {
	var all sync.WaitGroup
	start := func(serve func() error) {
		all.Go(func() {
			if err := serve(); err != nil && ctx.Err() == nil {
				failed(err)
			}
		})
	}
	if l.receiver != nil {
		start(func() error { return l.receiver.serve(ctx) })
	}
	all.Wait()
}

// observe shows the loop's reports.
func (l *listeners) observe(syncer.Report) {}

// observePush counts what became of a delivery.
func (l *listeners) observePush(string, string) {}
