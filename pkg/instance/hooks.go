package instance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"git-sync/pkg/auth"
	"git-sync/pkg/hook"
	"git-sync/pkg/repo"
)

// hooks are the hooks of an instance: the gate runs before a revision is published, the others after.
type hooks struct {
	gate   *hook.Recorder // nil if there is no pre-publish hook
	queues []*hook.Queue
}

func newHooks(o Options) hooks {
	s, log := o.Sync, o.Log.Logger()
	var h hooks
	program := func(name string, x hook.ExecOptions) hook.Runner {
		x.Name, x.Env, x.Secrets, x.Log = name, o.Environ, o.Secrets, log
		if s.GroupWrite {
			x.Umask = groupUmask
		}
		return hook.NewExec(x)
	}
	queue := func(r hook.Runner, backoff time.Duration) {
		h.queues = append(h.queues, hook.NewQueue(r, hook.QueueOptions{Backoff: backoff, Once: o.OneTime, Log: log}))
	}
	if s.PrePublish.Command != "" {
		h.gate = hook.NewRecorder(program(hook.NamePrePublish, s.PrePublish))
	}
	if s.Exechook.Command != "" {
		queue(program(hook.NameExec, s.Exechook), s.ExechookBackoff)
	}
	if w := s.Webhook; w.URL != "" {
		w.Log, w.Transport = log, auth.NewTransport(o.Environ, s.Config)
		queue(hook.NewWebhook(w), s.WebhookBackoff)
	}
	return h
}

// send queues a published tree for every hook. It does not block. After a restart, the tree is the one that was
// published before: then the hook may never have accepted it, and there is nothing to compare it with.
func (h hooks) send(t repo.Tree, previous string) {
	if previous == t.Hash {
		previous = ""
	}
	for _, q := range h.queues {
		q.Send(event(t, previous))
	}
}

// check runs the gate. An error prevents the publication.
func (h hooks) check(ctx context.Context, t repo.Tree, previous string) error {
	return h.gate.Run(ctx, event(t, previous))
}

func event(t repo.Tree, previous string) hook.Event {
	return hook.Event{Hash: t.Hash, Previous: previous, Dir: t.Path}
}

// run runs the queues until ctx ends, and returns when no hook is running any more.
func (h hooks) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, q := range h.queues {
		all.Go(func() { q.Run(ctx) })
	}
	all.Wait()
}

// wait blocks until each hook has run for the newest revision. The error names the hooks that failed.
func (h hooks) wait(ctx context.Context) error {
	var all error
	for _, q := range h.queues {
		if err := q.Wait(ctx); err != nil {
			all = errors.Join(all, fmt.Errorf("the %s failed: %w", q.Report().Name, err))
		}
	}
	return all
}

// reports returns the present states of the hooks.
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
