package push

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr/funcr"

	"git-sync/pkg/receiver"
	"git-sync/test/sshserver"
)

// recorder is a receiver that writes down what it was told to trigger.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex
	pushes []string // as logged
}

func newRecorder(t *testing.T, o receiver.Target, secret string) *recorder {
	t.Helper()
	r := &recorder{}
	o.Secret = func() ([]byte, error) { return []byte(secret), nil }
	o.Trigger = func() {}
	o.Wait = func(context.Context) (string, error) { return "", nil }
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(receiver.New(receiver.Options{
		Targets: func() []receiver.Target { return []receiver.Target{o} },
		Observe: func(receiver.Delivery) {},
		Log: funcr.New(func(_, args string) {
			if strings.Contains(args, "push received") {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.pushes = append(r.pushes, args)
			}
		}, funcr.Options{Verbosity: 2}),
	}))
	t.Cleanup(r.Close)
	return r
}

// take returns the pushes since the last call.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	pushes := r.pushes
	r.pushes = nil
	return pushes
}

// TestForges pushes for real, as each forge: to our branch and others, by force, deleting, tagging, with a wrong secret.
func TestForges(t *testing.T) {
	t.Parallel()
	srv := sshserver.New(t)
	all := receiver.Providers()
	families := func(name string) bool {
		return name == "auto" || slices.ContainsFunc(all, func(p string) bool { return strings.HasPrefix(p, name+"-") })
	}
	for _, forge := range append(slices.DeleteFunc(slices.Clone(all), families), "gitlab-signing") {
		t.Run(forge, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, srv, "team-"+forge+"/docs.git")
			r := newRecorder(t, receiver.Target{URL: u.url(), Ref: "main"}, u.secret)
			u.tells(forge, u.secret, r.URL)
			c := u.clone("alice")
			first := c.commit("page.md", "one")

			// Three refs in one push are three events, of which one is ours.
			c.git("push", "--quiet", "origin", "main", "main:feature/main", "main:refs/tags/v1")
			r.expect(t, u, first, "refs/heads/main 202", "refs/heads/feature/main 200", "refs/tags/v1 200")

			second := c.commit("page.md", "two")
			c.git("push", "--quiet", "origin", "main")
			r.expect(t, u, second, "refs/heads/main 202")

			// By force, to a commit that is no descendant.
			c.git("reset", "--quiet", "--hard", first)
			third := c.commit("page.md", "three")
			c.git("push", "--quiet", "--force", "origin", "main", ":feature/main")
			r.expect(t, u, third, "refs/heads/main 202", "refs/heads/feature/main 200")

			// Our branch is deleted: nothing to publish.
			git(t, srv.GitEnv(u.key), "--git-dir="+srv.Dir+"/"+u.name, "symbolic-ref", "HEAD", "refs/heads/other")
			c.git("push", "--quiet", "origin", ":main")
			r.expect(t, u, "", "refs/heads/main 200")

			// A sender that does not know the secret is told nothing at all.
			u.tells(forge, "d2hzZWM=", r.URL)
			c.git("push", "--quiet", "origin", "main")
			r.expect(t, u, "", "refs/heads/main 403")
		})
	}
}

// expect compares what became of the deliveries, and what was triggered, if anything.
func (r *recorder) expect(t *testing.T, u *upstream, hash string, want ...string) {
	t.Helper()
	var got []string
	for _, line := range u.deliveries() {
		ref, rest, _ := strings.Cut(line, " ")
		status, answer, _ := strings.Cut(rest, " ")
		got = append(got, ref+" "+status)
		if refused := status == "401" || status == "403"; refused != (answer == "") {
			t.Errorf("%s %s: answered %q", ref, status, answer)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("deliveries: %q, want %q", got, want)
	}
	pushes := r.take()
	if (len(pushes) == 1) != (hash != "") || len(pushes) > 1 {
		t.Fatalf("triggered: %+v", pushes)
	}
	if hash != "" && (!strings.Contains(pushes[0], `"after"="`+hash+`"`) || !strings.Contains(pushes[0], `"ref"="refs/heads/main"`)) {
		t.Errorf("triggered: %s, want %s", pushes[0], hash)
	}
}

// TestTagPattern has tags of which some match.
func TestTagPattern(t *testing.T) {
	t.Parallel()
	srv := sshserver.New(t)
	u := newUpstream(t, srv, "team/docs.git")
	r := newRecorder(t, receiver.Target{URL: u.url(), Match: func(ref string) bool { return strings.HasPrefix(ref, "refs/tags/v") }}, u.secret)
	u.tells("gitea", u.secret, r.URL)
	c := u.clone("alice")
	c.commit("page.md", "one")
	c.git("push", "--quiet", "origin", "main", "main:refs/tags/v1", "main:refs/tags/nightly")
	if pushes := r.take(); len(pushes) != 1 || !strings.Contains(pushes[0], `"ref"="refs/tags/v1"`) {
		t.Errorf("%+v", pushes)
	}
	c.git("push", "--quiet", "origin", ":refs/tags/v1")
	if pushes := r.take(); len(pushes) != 1 || !strings.Contains(pushes[0], `"ref"="refs/tags/v1"`) || !strings.Contains(pushes[0], `"after"="`+strings.Repeat("0", 40)+`"`) {
		t.Errorf("deleted: %+v", pushes)
	}
}
