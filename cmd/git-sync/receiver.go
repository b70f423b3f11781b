package main

import (
	"context"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"git-sync/pkg/receiver"
	"git-sync/pkg/syncer"
)

const (
	// headerTime and maxHeader bound what a sender may do before the receiver's own limits apply; forges send less than 8 KiB.
	headerTime = 10 * time.Second
	maxHeader  = 32 << 10
	// idleTime is how long a connection is kept for the forge's next delivery.
	idleTime = time.Minute
	// drainTime is how long answers under way may take when we stop.
	drainTime = 300 * time.Millisecond
)

// newReceiver makes the handler of forges' pushes.
func (a *app) newReceiver() (http.Handler, error) {
	o := a.cfg.Receiver
	h, err := receiver.New(receiver.Options{
		Provider: o.Provider, Secret: a.receiverSecret(), URL: a.cfg.Repo, Ref: a.cfg.Ref, AllowSHA1: o.AllowSHA1,
		Trigger: func(receiver.Push) { a.syncer.Trigger(syncer.SourceReceiver) },
		Wait: func(ctx context.Context, _ receiver.Push) (string, error) {
			return a.syncer.Wait(ctx, syncer.SourceReceiver)
		},
		Log: a.log.Logger(), Observe: a.http.observePush,
	})
	if err != nil {
		return nil, fmt.Errorf("receiving pushes (--receiver-bind): %w", err)
	}
	return h, nil
}

// receiverSecret gives what verifies the senders, and tells the log not to show it.
func (a *app) receiverSecret() func() ([]byte, error) {
	o := a.cfg.Receiver
	if o.SecretFile == "" {
		return func() ([]byte, error) { return []byte(o.Secret.Reveal()), nil }
	}
	read := receiver.SecretFile(o.SecretFile)
	return func() ([]byte, error) {
		secret, err := read()
		if err == nil {
			a.log.AddSecret(string(secret))
		}
		return secret, err
	}
}

// receiverServer is the receiver's own port: one path and nothing else, so that an ingress exposes nothing else.
type receiverServer struct {
	listener net.Listener
	server   *http.Server
}

func newReceiverServer(l net.Listener, path string, h http.Handler) *receiverServer {
	mux := http.NewServeMux()
	mux.Handle(path, h)
	return &receiverServer{listener: l, server: &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTime, MaxHeaderBytes: maxHeader, IdleTimeout: idleTime,
		ErrorLog: stdlog.New(io.Discard, "", 0), // what scanners do is no news
	}}
}

// serve answers until ctx ends.
func (r *receiverServer) serve(ctx context.Context) error {
	stopped := context.AfterFunc(ctx, func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if r.server.Shutdown(limited) != nil {
			_ = r.server.Close() // what is still under way is given up
		}
	})
	defer stopped()
	if err := r.server.Serve(r.listener); ctx.Err() == nil {
		return fmt.Errorf("serving the receiver: %w", err)
	}
	return nil
}
