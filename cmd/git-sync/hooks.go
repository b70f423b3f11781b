package main

import (
	"context"
	"errors"
	"sync"

	"git-sync/pkg/auth"
	"git-sync/pkg/config"
	"git-sync/pkg/hook"
	"git-sync/pkg/logging"
	"git-sync/pkg/repo"
)

// hooks are those who are told of revisions, and the gate that is asked before.
type hooks struct {
	queues []*hook.Queue
	gate   *hook.Gate // nil: everything may be published
}

func (p process) newHooks(cfg config.Config, log *logging.Logging) hooks {
	s := cfg.Syncs[0]
	var h hooks
	program := func(name string, o config.ExecHook) hook.Runner {
		return hook.NewExec(hook.ExecOptions{
			Name: name, Command: o.Command, Env: p.environ, Secrets: cfg.Secrets(), Timeout: o.Timeout, Log: log.Logger(),
		})
	}
	if s.PrePublish.Command != "" {
		h.gate = hook.NewGate(program(hook.NamePrePublish, s.PrePublish))
	}
	if s.Exechook.Command != "" {
		h.queues = append(h.queues, hook.NewQueue(program(hook.NameExec, s.Exechook),
			hook.QueueOptions{Backoff: s.Exechook.Backoff, Once: cfg.Process.OneTime, Log: log.Logger()}))
	}
	if url := s.Webhook.URL.Reveal(); url != "" {
		w := hook.NewWebhook(hook.WebhookOptions{
			URL: url, Method: s.Webhook.Method, SuccessStatus: s.Webhook.SuccessStatus,
			Timeout: s.Webhook.Timeout, Log: log.Logger(), Transport: auth.NewTransport(p.env, gitConfig(s)),
		})
		h.queues = append(h.queues, hook.NewQueue(w,
			hook.QueueOptions{Backoff: s.Webhook.Backoff, Once: cfg.Process.OneTime, Log: log.Logger()}))
	}
	return h
}

// tell announces a published tree to everybody. It does not block.
func (h hooks) tell(t repo.Tree, previous string) {
	for _, q := range h.queues {
		q.Send(event(t, previous))
	}
}

// check asks the gate.
func (h hooks) check(ctx context.Context, t repo.Tree, previous string) error {
	return h.gate.Check(ctx, event(t, previous))
}

func event(t repo.Tree, previous string) hook.Event {
	return hook.Event{Hash: t.Hash, Previous: previous, Dir: t.Path}
}

// run serves the queues until ctx ends, and returns when no hook runs any more.
func (h hooks) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, q := range h.queues {
		all.Go(func() { q.Run(ctx) })
	}
	all.Wait()
}

// wait returns when each hook has been told of the newest revision, or has failed to take it.
func (h hooks) wait(ctx context.Context) error {
	var all error
	for _, q := range h.queues {
		if err := q.Wait(ctx); err != nil {
			all = errors.Join(all, &hookError{name: q.Report().Name, err: err})
		}
	}
	return all
}

// hookError says which hook failed.
type hookError struct {
	name string
	err  error
}

func (e *hookError) Error() string { return "the " + e.name + " failed: " + e.err.Error() }

func (e *hookError) Unwrap() error { return e.err }

// reports are what the hooks know of themselves.
func (h hooks) reports() []hook.Report {
	var all []hook.Report
	if h.gate != nil {
		all = append(all, h.gate.Report())
	}
	for _, q := range h.queues {
		all = append(all, q.Report())
	}
	return all
}
