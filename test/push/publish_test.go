package push

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// ready is an upstream with one commit on main, told to a mirror that has published it.
func ready(t *testing.T, forge string, args ...string) (*upstream, *clone, *mirror) {
	t.Helper()
	u := newUpstream(t, sshserver.New(t), "team/docs.git")
	alice := u.clone("alice")
	hash := alice.commit("page.md", "one")
	alice.git("push", "--quiet", "origin", "main", "main:refs/tags/v1.0.0")
	m := u.mirror(args...)
	m.publishes(hash, time.Time{})
	u.tells(forge, u.secret, m.webhook())
	return u, alice, m
}

// TestPublished is the whole way: push, hook, curl, receiver, sync, link.
func TestPublished(t *testing.T) {
	t.Parallel()
	u, alice, m := ready(t, "github", "--ref=main")
	first := m.Published()

	second := alice.commit("page.md", "two", "more/page.md", "new")
	alice.git("push", "--quiet", "origin", "main")
	m.publishes(second, time.Now())

	// By force, to a commit that is no descendant: what made the article's tool crash.
	alice.git("reset", "--quiet", "--hard", first)
	third := alice.commit("page.md", "three")
	alice.git("push", "--quiet", "--force", "origin", "main")
	m.publishes(third, time.Now())
	if _, err := os.Stat(filepath.Join(m.Link, "more")); !os.IsNotExist(err) {
		t.Errorf("what the force-push took away is still there: %v", err)
	}

	// Another branch is no reason to sync.
	syncs := m.syncs()
	alice.git("push", "--quiet", "origin", "main:other")
	if got := m.syncs(); got != syncs {
		t.Errorf("%d syncs for another branch", got-syncs)
	}
	for _, line := range u.deliveries() {
		if !strings.HasPrefix(line, "refs/heads/main 202 ") && !strings.HasPrefix(line, "refs/heads/other 200 ignored") {
			t.Errorf("delivery: %s", line)
		}
	}
}

// TestTags follows the highest tag of a pattern, which only a push can tell.
func TestTags(t *testing.T) {
	t.Parallel()
	_, alice, m := ready(t, "gitea", "--ref-semver=>=1.0.0")
	second := alice.commit("page.md", "two")
	alice.git("push", "--quiet", "origin", "main", "main:refs/tags/v1.1.0")
	m.publishes(second, time.Now())
}

// TestDefaultBranch follows HEAD.
func TestDefaultBranch(t *testing.T) {
	t.Parallel()
	_, alice, m := ready(t, "gitlab")
	second := alice.commit("page.md", "two")
	alice.git("push", "--quiet", "origin", "main")
	m.publishes(second, time.Time{})
}

// TestWait is a pipeline that deploys and knows.
func TestWait(t *testing.T) {
	t.Parallel()
	u, alice, m := ready(t, "none", "--ref=main")
	second := alice.commit("page.md", "two")
	alice.git("push", "--quiet", "origin", "main")
	if got, err := m.post(u.secret, "?wait=30s"); err != nil || got != second || m.Published() != second {
		t.Errorf("answered %q %v, published %s, want %s", got, err, m.Published(), second)
	}
	if got, err := m.post("another", "?wait=30s"); err == nil || strings.Contains(got, second) {
		t.Errorf("without the secret: %q %v", got, err)
	}
	// The hook may wait as well: then whoever pushes knows.
	u.tells("gitea", u.secret, m.webhook()+"?wait=30s")
	third := alice.commit("page.md", "three")
	alice.git("push", "--quiet", "origin", "main")
	if m.Published() != third {
		t.Errorf("the push has returned, %s is published, want %s", m.Published(), third)
	}
	if got := u.deliveries(); len(got) != 1 || strings.TrimSpace(got[0]) != "refs/heads/main 200 "+third {
		t.Errorf("delivery: %q", got)
	}
}

// TestAtTheSameMoment has twenty pushes from two clones race each other; whatever order
// they and their webhooks take, the last state is what is served, and nobody ever reads a mix.
func TestAtTheSameMoment(t *testing.T) {
	t.Parallel()
	u, alice, m := ready(t, "forgejo", "--ref=main")
	pair := alice.commit("a", "start", "b", "start")
	alice.git("push", "--quiet", "origin", "main")
	m.publishes(pair, time.Time{})
	bob := u.clone("bob")
	before := m.syncs()

	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() { m.readPairs(stop) })

	var pushers sync.WaitGroup
	for _, c := range []*clone{alice, bob} {
		pushers.Go(func() {
			for i := range 10 {
				content := fmt.Sprintf("%s %d", filepath.Base(c.dir), i)
				c.push("a", content, "b", content)
			}
		})
	}
	pushers.Wait()
	during := m.syncs() // a push returns when its webhook is answered: they are all in
	tip := u.tip("refs/heads/main")
	m.publishes(tip, time.Time{})
	if _, err := m.post(u.secret, "?wait=30s"); err != nil { // nothing that they caused is still to come
		t.Fatal(err)
	}
	after := m.syncs() - 1 // without that one's own
	close(stop)
	readers.Wait()
	if got := u.deliveries(); len(got) != 21 {
		t.Errorf("%d deliveries of 21 pushes", len(got))
	}
	t.Logf("20 pushes, %d syncs, %d of them after the last push", after-before, after-during)
	// The one under way, and one for whatever was pushed since it began (I7).
	if after-during > 2 {
		t.Errorf("%d syncs after the last push", after-during)
	}
	if after-before > 20 {
		t.Errorf("%d syncs for 20 pushes", after-before)
	}
	m.publishedOnce(tip)
}

// publishedOnce checks that each state was published once at most, and last the last one.
func (m *mirror) publishedOnce(last string) {
	m.t.Helper()
	var latest string
	times := map[string]int{}
	for _, entry := range m.Lines("published revision") {
		latest = fmt.Sprint(entry["hash"])
		times[latest]++
	}
	if latest != last {
		m.t.Errorf("published last: %q, want %s", latest, last)
	}
	for state, n := range times {
		if n > 1 {
			m.t.Errorf("%s was published %d times", state, n)
		}
	}
}

// push commits files as commit does, and pushes them over whatever somebody else has pushed meanwhile.
func (c *clone) push(files ...string) {
	c.commit(files...)
	env := c.u.srv.GitEnv(c.u.key)
	for deadline := time.Now().Add(harness.Patience); ; {
		out, err := tryGit(env, "-C", c.dir, "push", "--quiet", "--force-with-lease", "origin", "HEAD:main")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("cannot push: %v\n%s", err, out)
			return
		}
		// The other was faster: on top of what is there now, with our own files.
		_, _ = tryGit(env, "-C", c.dir, "fetch", "--quiet", "origin")
		_, _ = tryGit(env, "-C", c.dir, "reset", "--quiet", "--soft", "origin/main")
		_, _ = tryGit(env, "-C", c.dir, "commit", "--quiet", "--allow-empty", "-m", "change")
	}
}

// readPairs reads the published tree, as a consumer does that resolves the link once for each reading, until stop is closed.
func (m *mirror) readPairs(stop <-chan struct{}) {
	often := time.NewTicker(time.Millisecond)
	defer often.Stop()
	for {
		select {
		case <-stop:
			return
		case <-often.C:
		}
		dir, err := filepath.EvalSymlinks(m.Link)
		if err != nil {
			m.t.Errorf("the link does not resolve: %v", err)
			return
		}
		a, errA := os.ReadFile(filepath.Join(dir, "a"))
		b, errB := os.ReadFile(filepath.Join(dir, "b"))
		switch {
		case errA != nil || errB != nil:
			if _, err := os.Stat(filepath.Join(m.Link, "a")); err != nil {
				m.t.Errorf("the published tree is not complete: %v", err)
				return
			}
		case string(a) != string(b):
			if now, err := filepath.EvalSymlinks(m.Link); err == nil && now == dir {
				m.t.Errorf("a mix is published: %q and %q", a, b)
				return
			}
		}
	}
}

// TestThousandTriggers is a thousand deliveries at once: what they cause is counted in syncs per second, not per delivery.
func TestThousandTriggers(t *testing.T) {
	t.Parallel()
	u, _, m := ready(t, "none", "--ref=main")
	before := m.syncs()
	client := &http.Client{Timeout: harness.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: 20}}
	defer client.CloseIdleConnections()
	began := time.Now()
	var senders sync.WaitGroup
	for range 20 {
		senders.Go(func() {
			for range 50 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.webhook(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+u.secret)
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusAccepted {
					t.Errorf("%s", resp.Status)
				}
			}
		})
	}
	senders.Wait()
	took := time.Since(began)
	// A sync that starts after all of them has ended: nothing that they caused is still to come.
	if _, err := m.post(u.secret, "?wait=30s"); err != nil {
		t.Fatal(err)
	}
	caused := m.syncs() - before - 1
	t.Logf("1000 deliveries within %s caused %d syncs", took.Round(time.Millisecond), caused)
	if most := 2 + int(took/time.Second); caused > most {
		t.Errorf("%d syncs, of at most %d", caused, most)
	}
}
