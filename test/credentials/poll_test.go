package credentials

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr/testr"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/pkg/repo/remote"
	"git-sync/test/gitserver"
)

// poller polls as a sync does.
func (c *client) poller(t *testing.T, o remote.Options) func() error {
	t.Helper()
	o.Git, o.URL, o.Ref, o.Log = c.git, c.url, "main", testr.NewWithOptions(t, testr.Options{Verbosity: 1})
	r := remote.New(o)
	t.Cleanup(r.Close)
	return func() error {
		creds, err := c.auth.Refresh(t.Context())
		if err != nil {
			return err
		}
		_, err = r.Resolve(t.Context(), creds)
		return c.auth.Explain(err)
	}
}

// TestPollAsksTwice counts the requests of a poll of a private repository.
func TestPollAsksTwice(t *testing.T) {
	for name, c := range map[string]struct {
		poll remote.Poll
		want int // requests of the second poll
	}{
		"plain":      {remote.PollPlain, 2},
		"persistent": {remote.PollPersistent, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, url := upstream(t, gitserver.Basic("joe", "p:w"))
			poll := newClient(t, auth.Options{URL: url, Settings: auth.Settings{Username: "joe", Password: "p:w"}}).
				poller(t, remote.Options{Wanted: remote.Wanted{Poll: c.poll}})
			for _, want := range []int{2, c.want} {
				s.Reset()
				if err := poll(); err != nil {
					t.Fatal(err)
				}
				if log := s.Log(); len(log) != want {
					t.Errorf("%d requests, want %d: %+v", len(log), want, log)
				}
			}
			s.Require(gitserver.Basic("joe", "another"))
			if err := poll(); git.KindOf(err) != git.KindAuth || !strings.Contains(err.Error(), "refused") {
				t.Errorf("a password that was revoked: %v", err)
			}
		})
	}
}

// TestPollIsRedirected: another host never gets the password, and a repository that was renamed is polled.
func TestPollIsRedirected(t *testing.T) {
	s, url := upstream(t, gitserver.Basic("joe", "pw"))
	other, _ := upstream(t, public{})
	o := auth.Options{URL: url, Settings: auth.Settings{Username: "joe", Password: "pw"}}
	poll := newClient(t, o).poller(t, remote.Options{Wanted: remote.Wanted{Poll: remote.PollPlain}})
	if err := poll(); err != nil {
		t.Fatal(err)
	}
	s.Fail(gitserver.Rule{Do: gitserver.Redirect(http.StatusMovedPermanently, other.URL)})
	for range 3 {
		_ = poll() // git gives up when it is redirected after it was asked for a password
	}
	for _, q := range other.Log() {
		if q.Header != "" {
			t.Errorf("another host got %q", q.Header)
		}
	}
	if len(other.Log()) == 0 {
		t.Error("the redirect was not followed")
	}

	s.Heal()
	front, _ := upstream(t, public{})
	front.Fail(gitserver.Rule{Do: gitserver.Redirect(http.StatusMovedPermanently, s.URL)})
	o = auth.Options{URL: strings.Replace(url, s.URL, front.URL, 1), Settings: auth.Settings{Credentials: []auth.Credential{
		{URL: front.URL, Username: "x", Password: "for-front"}, {URL: s.URL, Username: "joe", Password: "pw"},
	}}}
	poll = newClient(t, o).poller(t, remote.Options{Wanted: remote.Wanted{Poll: remote.PollPlain}})
	s.Reset()
	for range 2 {
		if err := poll(); err != nil {
			t.Errorf("renamed: %v", err)
		}
	}
	for _, q := range s.Log() {
		if q.User == "x" {
			t.Errorf("%s got the password of %s", s.URL, front.URL)
		}
	}
}

// public lets in everybody, and asks for no password.
type public struct{}

func (public) Allows(*http.Request) bool { return true }
func (public) Challenge() string         { return "" }
