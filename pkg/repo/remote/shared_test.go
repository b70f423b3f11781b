package remote

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
)

// share returns remotes of one pool, one for each ref, and notes which of them are to poll early.
func (f *fixture) share(period time.Duration, refs ...string) (all []*Remote, woken *[]string) {
	pool := &Pool{}
	woken = &[]string{}
	for _, ref := range refs {
		o := f.opts
		o.Ref = ref
		o.Sharing = Sharing{Pool: pool, Credentials: []string{"key"}, Period: period, Changed: func() { *woken = append(*woken, ref) }}
		r := New(o)
		f.t.Cleanup(r.Close)
		all = append(all, r)
	}
	return all, woken
}

// at polls once, and wants commit.
func (f *fixture) at(r *Remote, commit string) {
	f.t.Helper()
	got, err := r.Resolve(f.t.Context(), git.Overlay{})
	if err != nil || got.Commit != commit {
		f.t.Fatalf("%s is at %+v, %v; want %s", r.opts.Ref, got, err, commit)
	}
}

// One request has the refs of twenty syncs. Each sync uses an answer once, and polls early if another's poll finds its ref
// changed.
func TestSharedPolls(t *testing.T) {
	for _, poll := range []Poll{PollPlain, PollPersistent} {
		t.Run(string(poll), func(t *testing.T) {
			f := newFixture(t, Options{Wanted: Wanted{Poll: poll}}, gitserver.RepoOptions{})
			server := f.overHTTP()
			first := f.up.Commit(map[string]string{"a": "1"})
			f.up.AnnotatedTag("v1", first)
			refs := []string{"main", "v1"}
			for i := range 18 {
				refs = append(refs, fmt.Sprintf("b%d", i))
				f.up.BranchAt(refs[i+2], first)
			}
			all, woken := f.share(time.Hour, refs...)
			for round := range 3 {
				for _, r := range all {
					f.at(r, first)
				}
				if n := server.Count(gitserver.LsRefs); n != round+1 {
					t.Fatalf("%d requests after %d polls of each", n, round+1)
				}
			}
			second := f.up.Commit(map[string]string{"a": "2"})
			f.at(all[5], first)
			if !slices.Equal(*woken, []string{"main"}) {
				t.Errorf("a change of main wakes %v", *woken)
			}
			f.at(all[0], second)
			f.at(all[1], first)
			if n := server.Count(gitserver.LsRefs); n != 4 {
				t.Errorf("%d requests after the change, want 4", n)
			}
		})
	}
}

// After a push, no earlier answer is used.
func TestSharedPollsExpire(t *testing.T) {
	f := newFixture(t, Options{}, gitserver.RepoOptions{})
	first := f.up.Commit(map[string]string{"a": "1"})
	all, _ := f.share(time.Hour, "main", "HEAD")
	f.at(all[0], first)
	second := f.up.Commit(map[string]string{"a": "2"})
	all[1].Expire()
	f.at(all[1], second)
}

// A sync that is cancelled while it asks does not fail those that wait for its answer.
func TestSharedPollsCancelled(t *testing.T) {
	f := newFixture(t, Options{}, gitserver.RepoOptions{})
	server := f.overHTTP()
	first := f.up.Commit(map[string]string{"a": "1"})
	server.Fail(gitserver.Rule{Times: 1, Do: gitserver.Silence()})
	all, _ := f.share(time.Hour, "main", "HEAD")
	ctx, cancel := context.WithCancel(t.Context())
	cancelled, served := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := all[0].Resolve(ctx, git.Overlay{})
		cancelled <- err
	}()
	server.Await(gitserver.Info, 1)
	impatient, stop := context.WithCancel(t.Context())
	stop()
	if _, err := all[1].Resolve(impatient, git.Overlay{}); git.KindOf(err) != git.KindCanceled {
		t.Errorf("a cancelled sync that waits: %v", err)
	}
	go func() {
		got, err := all[1].Resolve(t.Context(), git.Overlay{})
		if err == nil && got.Commit != first {
			err = fmt.Errorf("found %+v", got)
		}
		served <- err
	}()
	cancel()
	if a, b := <-cancelled, <-served; git.KindOf(a) != git.KindCanceled || b != nil {
		t.Errorf("the one cancelled: %v; the other: %v", a, b)
	}
}

// What is asked with other credentials, or of another URL, is not shared.
func TestSharedPollsKeepApart(t *testing.T) {
	pool := &Pool{}
	with := func(url, credentials string) *Remote {
		return New(Options{Wanted: Wanted{URL: url}, Sharing: Sharing{Pool: pool, Credentials: []string{credentials}}})
	}
	a, b := with("https://a", "x"), with("https://a", "x")
	if a.source != b.source {
		t.Error("equal ones do not share")
	}
	if c := with("https://a", "y"); c.source == a.source {
		t.Error("shared with other credentials")
	}
	if c := with("https://b", "x"); c.source == a.source {
		t.Error("shared with another URL")
	}
	a.Close()
	b.Close()
	if len(pool.sources) != 2 {
		t.Errorf("%d sources are left, want 2", len(pool.sources))
	}
}

// Which answers serve another sync.
func TestServes(t *testing.T) {
	now := time.Now()
	good := answer{number: 1, patterns: []string{"HEAD", "refs/heads/main"}, begun: now.Add(-time.Minute), ended: now.Add(-time.Minute)}
	for name, c := range map[string]struct {
		change func(*answer)
		want   bool
	}{
		"a recent one":                {func(*answer) {}, true},
		"an old one":                  {func(a *answer) { a.begun = now.Add(-8 * time.Minute) }, false},
		"one of other refs":           {func(a *answer) { a.patterns = []string{"HEAD"} }, false},
		"one before a push":           {func(a *answer) { a.stale = -1 }, false},
		"an earlier failure":          {func(a *answer) { a.err = errNoRef }, false},
		"a failure while it waited":   {func(a *answer) { a.err = errNoRef; a.ended = now.Add(time.Second) }, true},
		"one that it has used before": {func(a *answer) { a.number = 0 }, false},
	} {
		r := &Remote{source: &source{}, opts: Options{Sharing: Sharing{Period: 10 * time.Minute}}}
		a := good
		c.change(&a)
		r.last = a
		if got := r.serves([]string{"refs/heads/main"}, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
