package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"git-sync/pkg/instance"
	"git-sync/pkg/logging"
	"git-sync/pkg/receiver"
	"git-sync/pkg/syncer"
)

// newReceiver makes the handler of forges' pushes.
func (a *app) newReceiver() (http.Handler, error) {
	targets := make([]receiver.Target, 0, len(a.instances))
	var problems []error
	for _, i := range a.instances {
		t := targetOf(i, a.log)
		if err := t.Check(); err != nil {
			problems = append(problems, fmt.Errorf("receiving pushes (--receiver-bind): %w", err))
		}
		targets = append(targets, t)
	}
	return receiver.New(receiver.Options{
		Targets: func() []receiver.Target { return targets },
		Log:     a.log.Logger(), Observe: a.http.delivered,
	}), errors.Join(problems...)
}

// targetOf says which pushes trigger an instance.
func targetOf(i *instance.Instance, log *logging.Logging) receiver.Target {
	s := i.Sync()
	t := receiver.Target{
		Name: s.Name, Provider: s.Receiver.Provider, Secret: func() ([]byte, error) { return []byte(s.Receiver.Secret.Reveal()), nil },
		URL: s.Repo, Ref: s.Ref, AllowSHA1: s.Receiver.AllowSHA1,
		Trigger: func(receiver.Push) { i.Trigger(syncer.SourceReceiver) },
		Wait: func(ctx context.Context, _ receiver.Push) (string, error) {
			return i.Wait(ctx, syncer.SourceReceiver)
		},
	}
	if instance.Followed(s) == "" {
		t.Match = func(ref string) bool { return strings.HasPrefix(ref, "refs/tags/") }
	}
	if s.Receiver.SecretFile != "" {
		read := receiver.SecretFile(s.Receiver.SecretFile)
		t.Secret = func() ([]byte, error) {
			secret, err := read()
			if err == nil {
				log.AddSecret(string(secret))
			}
			return secret, err
		}
	}
	return t
}
