package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"git-sync/pkg/instance"
	"git-sync/pkg/receiver"
	"git-sync/pkg/syncer"
)

// newReceiver makes the handler of forges' pushes.
func (a *app) newReceiver() (http.Handler, error) {
	s := a.cfg.Syncs[0]
	o := s.Receiver
	var match func(ref string) bool // nil: Ref alone
	if instance.Followed(s) == "" {
		match = func(ref string) bool { return strings.HasPrefix(ref, "refs/tags/") }
	}
	h, err := receiver.New(receiver.Options{
		Match:    match,
		Provider: o.Provider, Secret: a.receiverSecret(), URL: s.Repo, Ref: s.Ref, AllowSHA1: o.AllowSHA1,
		Trigger: func(receiver.Push) { a.instances[0].Trigger(syncer.SourceReceiver) },
		Wait: func(ctx context.Context, _ receiver.Push) (string, error) {
			return a.instances[0].Wait(ctx, syncer.SourceReceiver)
		},
		Log: a.log.Logger(), Observe: a.http.delivered,
	})
	if err != nil {
		return nil, fmt.Errorf("receiving pushes (--receiver-bind): %w", err)
	}
	return h, nil
}

// receiverSecret gives what verifies the senders, and tells the log not to show it.
func (a *app) receiverSecret() func() ([]byte, error) {
	o := a.cfg.Syncs[0].Receiver
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
