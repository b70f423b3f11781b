package receiver

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// crew is a handler with several targets, and what it has triggered.
type crew struct {
	rig
	triggered []string // names of targets
}

func newCrew(t *testing.T, targets ...Target) *crew {
	t.Helper()
	c := &crew{}
	for i := range targets {
		one := &targets[i]
		if one.Secret == nil {
			one.Secret = func() ([]byte, error) { return []byte(secret), nil }
		}
		if one.Wait == nil {
			one.Wait = func(context.Context) (string, error) { return "", nil }
		}
		one.Trigger = func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.triggered = append(c.triggered, one.Name)
		}
		if err := one.Check(); err != nil {
			t.Fatal(err)
		}
	}
	c.Handler = New(Options{
		Targets: func() []Target { return targets },
		Observe: func(d Delivery) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.outcomes = append(c.outcomes, strings.TrimSpace(d.Sync+" "+d.Forge+" "+d.Outcome))
		},
	})
	return c
}

func secretOf(s string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(s), nil }
}

// TestManyTargets: one delivery triggers every target of its repository and ref whose secret the sender knows, and no other.
func TestManyTargets(t *testing.T) {
	url := urls["github"]
	for name, tc := range map[string]struct {
		targets []Target
		by      string
		status  int
		want    []string
	}{
		"two refs": {
			[]Target{{Name: "a", URL: url, Ref: "main"}, {Name: "b", URL: url, Ref: "v1.0"}, {Name: "c", URL: url, Ref: "refs/heads/main"}},
			secret, http.StatusAccepted,
			[]string{"a", "c"},
		},
		"two repositories": {
			[]Target{{Name: "a", URL: "https://example.com/other/repo", Ref: "main"}, {Name: "b", URL: url, Ref: "main"}},
			secret, http.StatusAccepted,
			[]string{"b"},
		},
		"none of them": {
			[]Target{{Name: "a", URL: "https://example.com/other/repo", Ref: "main"}, {Name: "b", URL: url, Ref: "v1.0"}},
			secret, http.StatusOK, nil,
		},
		"another secret": {
			[]Target{{Name: "a", URL: url, Ref: "main", Secret: secretOf("another")}, {Name: "b", URL: url, Ref: "main"}},
			secret, http.StatusAccepted,
			[]string{"b"},
		},
		"nobody's secret": {
			[]Target{{Name: "a", URL: url, Ref: "main", Secret: secretOf("another")}, {Name: "b", URL: url, Ref: "main"}},
			"a guess", http.StatusForbidden, nil,
		},
		"another forge": {
			[]Target{{Name: "a", URL: url, Ref: "main", Provider: "gitlab"}, {Name: "b", URL: url, Ref: "main", Provider: "github"}},
			secret, http.StatusAccepted,
			[]string{"b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrew(t, tc.targets...)
			status, text := c.post(recording(t, "github", "push").signed(tc.by))
			if status != tc.status || !slices.Equal(c.triggered, tc.want) {
				t.Errorf("%d %q triggers %q, want %d %q", status, text, c.triggered, tc.status, tc.want)
			}
			if len(c.outcomes) != max(len(tc.want), 1) {
				t.Errorf("outcomes %q", c.outcomes)
			}
		})
	}
}

// TestOneClaimForEachSecret: the body is hashed once for each distinct secret, not once for each target.
func TestOneClaimForEachSecret(t *testing.T) {
	d := recording(t, "github", "push").signed(secret)
	h := New(Options{}).(*handler)
	targets := []Target{{Secret: secretOf(secret)}, {Secret: secretOf("another")}, {Secret: secretOf(secret)}, {Secret: secretOf("another")}}
	claims, err := h.claims(recognise(d.header, targets), d.header, targets)
	if len(claims) != 2 || err != nil || len(claims[0].targets) != 2 {
		t.Errorf("%d claims, %v", len(claims), err)
	}
}

// TestUnreadableSecret: a target whose secret is missing does not keep the others from being triggered.
func TestUnreadableSecret(t *testing.T) {
	missing := false
	c := newCrew(t, Target{Name: "a", URL: urls["github"], Ref: "main", Secret: func() ([]byte, error) {
		if missing {
			return nil, ErrNoSecret
		}
		return []byte(secret), nil
	}}, Target{Name: "b", URL: urls["github"], Ref: "main"})
	missing = true
	if status, _ := c.post(recording(t, "github", "push").signed(secret)); status != http.StatusAccepted || !slices.Equal(c.triggered, []string{"b"}) {
		t.Errorf("%d, triggered %q", status, c.triggered)
	}
}

// TestWaitForMany: the answer comes when all have published, with the hash if it is the same for all.
func TestWaitForMany(t *testing.T) {
	for name, tc := range map[string]struct {
		hashes []string
		want   string
	}{"the same": {[]string{"abc", "abc"}, "abc"}, "different": {[]string{"abc", "def"}, ""}} {
		t.Run(name, func(t *testing.T) {
			var waiting sync.WaitGroup
			waiting.Add(2)
			var targets []Target
			for _, hash := range tc.hashes {
				targets = append(targets, Target{Name: hash, URL: urls["github"], Ref: "main", Wait: func(context.Context) (string, error) {
					waiting.Done()
					waiting.Wait() // both are under way at once
					return hash, nil
				}})
			}
			d := recording(t, "github", "push").signed(secret)
			req := httptest.NewRequest(http.MethodPost, "/webhook?wait=30s", strings.NewReader(string(d.body)))
			req.Header = d.header
			rec := httptest.NewRecorder()
			newCrew(t, targets...).ServeHTTP(rec, req)
			if rec.Code != http.StatusOK || rec.Header().Get("Gitsync-Hash") != tc.want {
				t.Errorf("%d, hash %q, want %q", rec.Code, rec.Header().Get("Gitsync-Hash"), tc.want)
			}
		})
	}
}
