package receiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"git-sync/test/harness"
)

// replica is a receiver with a port of its own, and the requests that arrive there.
type replica struct {
	crew
	address  string
	requests []*http.Request // without bodies
	bodies   []string
}

// fleet are replicas, and what their peers' name resolves to.
type fleet struct {
	mu        sync.Mutex
	addresses []string
	err       error
	all       []*replica
}

func (f *fleet) resolve(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.addresses), f.err
}

// newFleet starts n replicas of one target.
func newFleet(t *testing.T, n int, target Target) *fleet {
	t.Helper()
	f := &fleet{}
	for range n {
		f.start(t, target, nil)
	}
	return f
}

// start adds a replica to the fleet. Its requests go through before, if there is one.
func (f *fleet) start(t *testing.T, target Target, before http.HandlerFunc) *replica {
	t.Helper()
	r := &replica{crew: *newCrew(t, target)}
	r.Handler = New(Options{
		Targets: r.targets(target),
		Observe: func(d Delivery) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.outcomes = append(r.outcomes, d.Forge+" "+d.Outcome)
		},
		Peers: f.resolve,
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if before != nil {
			before(w, req)
		}
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		r.mu.Lock()
		r.requests, r.bodies = append(r.requests, req.Clone(req.Context())), append(r.bodies, string(body))
		r.mu.Unlock()
		r.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	r.address = server.Listener.Addr().String()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addresses, f.all = append(f.addresses, r.address), append(f.all, r)
	return r
}

func (r *replica) targets(target Target) func() []Target {
	target.Secret = secretOf(secret)
	target.Trigger = func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.triggered = append(r.triggered, target.Name)
	}
	if target.Wait == nil {
		target.Wait = func(context.Context) (string, error) { return pushed, nil }
	}
	return func() []Target { return []Target{target} }
}

// count is how many requests have come, and how often a sync was triggered.
func (r *replica) count() (requests, triggers int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests), len(r.triggered)
}

// observed waits until there are so many outcomes of a kind.
func (r *replica) observed(t *testing.T, outcome string, n int) {
	t.Helper()
	harness.Until(t, fmt.Sprintf("%d times %q", n, outcome), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		count := 0
		for _, o := range r.outcomes {
			if o == outcome {
				count++
			}
		}
		return count >= n
	})
}

// send posts a delivery over the network.
func (r *replica) send(t *testing.T, d delivery, uri string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+r.address+uri, bytes.NewReader(d.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = d.header.Clone()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(body))
}

// TestPeers: one delivery of each forge arrives at each replica once, unchanged, and is not forwarded again.
func TestPeers(t *testing.T) {
	for forge, url := range urls {
		t.Run(forge, func(t *testing.T) {
			f := newFleet(t, 4, Target{URL: url, Ref: "main"})
			d := recording(t, forge, "push").signed(secret)
			if status, text := f.all[0].send(t, d, "/webhook?from=forge"); status != http.StatusAccepted {
				t.Fatalf("%d %s", status, text)
			}
			f.all[0].observed(t, "peer triggered", 3)
			first := f.all[0].requests[0]
			for i, r := range f.all {
				requests, triggers := r.count()
				if requests != 1 || triggers != 1 {
					t.Errorf("replica %d: %d requests, %d triggers", i, requests, triggers)
				}
				header := r.requests[0].Header.Clone()
				if got := header.Get(marker); (got != "") != (i > 0) {
					t.Errorf("replica %d: marker %q", i, got)
				}
				header.Del(marker)
				header.Del("Connection") // each has its own
				if r.bodies[0] != string(d.body) || r.requests[0].RequestURI != first.RequestURI || fmt.Sprint(header) != fmt.Sprint(first.Header) {
					t.Errorf("replica %d got another delivery: %s %v", i, r.requests[0].RequestURI, header)
				}
			}
		})
	}
}

// TestForgedForward: the marker proves nothing, and a delivery that is refused, ignored or marked is not forwarded.
func TestForgedForward(t *testing.T) {
	f := newFleet(t, 2, Target{URL: urls["github"], Ref: "main"})
	push := recording(t, "github", "push")
	marked := func(d delivery) delivery {
		d.header = d.header.Clone()
		d.header.Set(marker, "1")
		return d
	}
	for name, tc := range map[string]struct {
		d    delivery
		want int
	}{
		"marked, unsigned":  {marked(push), http.StatusUnauthorized},
		"marked, forged":    {marked(push.signed("a guess")), http.StatusForbidden},
		"forged":            {push.signed("a guess"), http.StatusForbidden},
		"ping":              {recording(t, "github", "ping").signed(secret), http.StatusOK},
		"marked and signed": {marked(push.signed(secret)), http.StatusAccepted},
	} {
		if status, text := f.all[0].send(t, tc.d, "/webhook"); status != tc.want {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	// This one is forwarded, after all others could have been.
	f.all[0].send(t, push.signed(secret), "/webhook")
	f.all[0].observed(t, "peer triggered", 1)
	if requests, triggers := f.all[1].count(); requests != 1 || triggers != 1 {
		t.Errorf("%d requests, %d triggers at the peer", requests, triggers)
	}
}

// TestPeerThatFails: one that is down, refuses, redirects or does not answer delays neither the answer nor the other peers.
func TestPeerThatFails(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	another := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was redirected") }))
	defer another.Close()
	redirects := httptest.NewServer(http.RedirectHandler(another.URL, http.StatusTemporaryRedirect))
	defer redirects.Close()
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer silent.Close()
	defer close(release)

	f := newFleet(t, 3, Target{URL: urls["github"], Ref: "main"})
	for _, s := range []*httptest.Server{closed, redirects, silent} {
		f.addresses = append(f.addresses, s.Listener.Addr().String())
	}
	slices.Reverse(f.addresses)
	d := recording(t, "github", "push").signed(secret)
	if status, text := f.all[0].send(t, d, "/webhook"); status != http.StatusAccepted {
		t.Errorf("%d %s", status, text)
	}
	f.all[0].observed(t, "peer triggered", 2)
	f.all[0].observed(t, "peer error", 3)
	for i, r := range f.all {
		if requests, triggers := r.count(); requests != 1 || triggers != 1 {
			t.Errorf("replica %d: %d requests, %d triggers", i, requests, triggers)
		}
	}
}

// TestPeerThatStarts gets the delivery when it listens.
func TestPeerThatStarts(t *testing.T) {
	f := newFleet(t, 1, Target{URL: urls["github"], Ref: "main"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// What connects before is cut off, as by a proxy of a pod that starts.
	attempts := make(chan struct{})
	arrived := make(chan struct{})
	f.addresses = append(f.addresses, l.Addr().String())
	f.all[0].send(t, recording(t, "github", "push").signed(secret), "/webhook")
	go func() {
		for range 2 {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
		close(attempts)
		_ = http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(arrived) }))
	}()
	defer l.Close()
	<-attempts
	<-arrived
	f.all[0].observed(t, "peer triggered", 1)
}

// TestPeersAreResolved for each delivery, and one that is gone gets nothing.
func TestPeersAreResolved(t *testing.T) {
	f := newFleet(t, 3, Target{URL: urls["github"], Ref: "main"})
	d := recording(t, "github", "push").signed(secret)
	f.all[0].send(t, d, "/webhook")
	f.all[0].observed(t, "peer triggered", 2)

	f.mu.Lock()
	f.addresses = f.addresses[:2]
	f.mu.Unlock()
	f.all[0].send(t, d, "/webhook")
	f.all[0].observed(t, "peer triggered", 3)

	f.mu.Lock()
	f.addresses, f.err = nil, errors.New("no such host")
	f.mu.Unlock()
	f.all[0].send(t, d, "/webhook")
	f.all[0].observed(t, "peer error", 1)
	if _, triggers := f.all[0].count(); triggers != 3 {
		t.Errorf("%d triggers", triggers)
	}
	for i, want := range []int{3, 2, 1} {
		if requests, _ := f.all[i].count(); requests != want {
			t.Errorf("replica %d: %d requests, want %d", i, requests, want)
		}
	}
}

// TestFloodOfForwards: while a peer is slow, a thousand pushes become one that is under way and one that follows: the newest.
func TestFloodOfForwards(t *testing.T) {
	first, release := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(first); <-release })
	f := newFleet(t, 1, Target{URL: urls["github"], Ref: "main"})
	slow := f.start(t, Target{URL: urls["github"], Ref: "main"}, func(http.ResponseWriter, *http.Request) { once() })
	d := recording(t, "github", "push").signed(secret)
	f.all[0].send(t, d, "/webhook")
	<-first
	for range 999 {
		if status, _ := f.all[0].post(d); status != http.StatusAccepted {
			t.Fatal(status)
		}
	}
	last := delivery{forge: d.forge, header: d.header, body: bytes.Replace(d.body, []byte("{"), []byte(`{"newest":true,`), 1)}
	f.all[0].send(t, last.signed(secret), "/webhook")
	close(release)
	f.all[0].observed(t, "peer triggered", 2)
	if requests, triggers := slow.count(); requests != 2 || triggers != 2 || !strings.Contains(slow.bodies[1], "newest") {
		t.Errorf("%d requests, %d triggers", requests, triggers)
	}
}

// TestWaitForPeers: with ?wait= the answer comes when all have published, and says if one has not.
func TestWaitForPeers(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"published": {nil, http.StatusOK},
		"failed":    {errors.New("the remote is down"), http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			synced := make(chan struct{})
			f := newFleet(t, 1, Target{URL: urls["generic"], Wait: func(context.Context) (string, error) {
				close(synced)
				return pushed, nil
			}})
			f.start(t, Target{URL: urls["generic"], Wait: func(context.Context) (string, error) {
				<-synced // the other one does not wait for us to begin
				return pushed, tc.err
			}}, nil)
			status, text := f.all[0].send(t, recording(t, "generic", "push").signed(secret), "/webhook?wait=1m")
			if status != tc.want || (tc.err == nil) != (text == pushed) {
				t.Errorf("%d %q", status, text)
			}
			if requests, _ := f.all[1].count(); requests != 1 {
				t.Errorf("%d requests at the peer", requests)
			}
		})
	}
}
