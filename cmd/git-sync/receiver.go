package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"git-sync/pkg/config"
	"git-sync/pkg/instance"
	"git-sync/pkg/logging"
	"git-sync/pkg/receiver"
	"git-sync/pkg/syncer"
)

// newReceiver returns the handler for push webhooks.
func (a *app) newReceiver() http.Handler {
	o := receiver.Options{Targets: a.targets, Log: a.log.Logger(), Observe: a.http.server.NoteDelivery}
	if host, port, err := net.SplitHostPort(a.cfg.Process.Receiver.Peers); err == nil {
		o.Peers = func(ctx context.Context) ([]string, error) {
			ips, err := net.DefaultResolver.LookupHost(ctx, host)
			for i, ip := range ips {
				ips[i] = net.JoinHostPort(ip, port)
			}
			return ips, err
		}
	}
	return receiver.New(o)
}

// targets returns the targets for push webhooks: the instances that can sync.
func (a *app) targets() []receiver.Target {
	var all []receiver.Target
	for _, i := range a.group.Instances() {
		if len(i.Problems()) > 0 {
			continue
		}
		t := targetOf(i.Sync(), a.log)
		t.Trigger = func() { i.Trigger(syncer.SourceReceiver) }
		t.Wait = func(ctx context.Context) (string, error) { return i.Wait(ctx, syncer.SourceReceiver) }
		all = append(all, t)
	}
	return all
}

// checkReceiver says why a sync cannot receive pushes, if it should.
func (a *app) checkReceiver(s config.Sync) error {
	if a.cfg.Process.Receiver.Bind == "" {
		return nil
	}
	if err := targetOf(s, a.log).Check(); err != nil {
		return fmt.Errorf("receiving pushes (--receiver-bind): %w", err)
	}
	return nil
}

// targetOf returns the target of a sync, without Trigger and Wait.
func targetOf(s config.Sync, log *logging.Logging) receiver.Target {
	t := receiver.Target{Name: s.Name, Provider: s.Receiver.Provider, URL: s.URL, Ref: cmp.Or(s.Rev, s.Ref)}
	t.Secret = func() ([]byte, error) {
		if s.Receiver.SecretFile == "" {
			return []byte(s.Receiver.Secret.Reveal()), nil
		}
		secret, err := receiver.ReadSecret(s.Receiver.SecretFile)
		if err == nil {
			log.Of(s.Name).AddSecret(string(secret))
		}
		return secret, err
	}
	if instance.Followed(s) == "" {
		t.Match = func(ref string) bool { return strings.HasPrefix(ref, "refs/tags/") }
	}
	return t
}
