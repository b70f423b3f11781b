package receiver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestHostileBodies is signed rightly: whatever a forge's bug or a stolen secret sends, the process lives.
func TestHostileBodies(t *testing.T) {
	deep := strings.Repeat("[", 500_000)
	for name, body := range map[string]string{
		"nothing":          "",
		"no JSON":          "hello",
		"a number":         "1e999",
		"null":             "null",
		"a list":           `[{"ref":"refs/heads/main"}]`,
		"truncated":        `{"ref":"refs/heads/main","repository":{"full_name":"team/do`,
		"cut after a key":  `{"ref":"refs/heads/main","repository"`,
		"unbalanced":       `{"ref":"refs/heads/main"]`,
		"trailing":         `{"ref":"refs/heads/main"}{}`,
		"a number as ref":  `{"ref":1,"repository":{"full_name":"team/docs"}}`,
		"a list of refs":   `{"ref":[1,2],"changes":[[[]]],"push":{"changes":7},"resource":{"refUpdates":true}}`,
		"an object as ref": `{"ref":{"ref":"refs/heads/main"},"repository":"team/docs"}`,
		"true":             `{"after":true}`,
		"deep lists":       deep,
		"deep objects":     strings.Repeat(`{"a":`, 100_000),
		"deep below push":  `{"push":{"changes":` + deep,
		"no UTF-8":         "{\"ref\":\"\xff\xfe\"}",
		"NUL":              "\x00\x00\x00",
		"a long ref":       `{"ref":"` + strings.Repeat("x", 1<<20) + `","repository":{"full_name":"team/docs"},"project":{"path_with_namespace":"team/docs"}}`,
		"many of one key":  `{` + strings.Repeat(`"ref":"x",`, 100_000) + `"ref":"y"}`,
	} {
		for forge, url := range urls {
			d := recording(t, forge, "push")
			d.body = []byte(body)
			r := newRig(t, Target{URL: url, Ref: "main"})
			status, text := r.post(d.signed(secret))
			if status != http.StatusBadRequest && status != http.StatusOK && forge != "generic" {
				t.Errorf("%s to %s: %d %s", name, forge, status, text)
			}
			if len(text) > 2000 {
				t.Errorf("%s to %s: an answer of %d bytes", name, forge, len(text))
			}
			if r.pushes > 0 && forge != "generic" {
				t.Errorf("%s to %s: triggered", name, forge)
			}
		}
	}
}

// TestManyUpdates bounds what is kept of a body, and loses no push by it.
func TestManyUpdates(t *testing.T) {
	d := recording(t, "bitbucket-server", "push")
	many := strings.Repeat(`{"refId":"refs/heads/x","toHash":"`+pushed+`"},`, maxUpdates)
	d.body = []byte(`{"repository":{"project":{"key":"TEAM"},"slug":"docs"},"changes":[` + many + `{"refId":"refs/heads/main","toHash":"` + pushed + `"}]}`)
	r := newRig(t, Target{URL: urls[d.forge], Ref: "main"})
	if status, text := r.post(d.signed(secret)); status != http.StatusAccepted {
		t.Errorf("%d %s", status, text)
	}
	p, err := row(t, "bitbucket-server").parse(d.body)
	if err != nil || len(p.updates) != maxUpdates || !p.more {
		t.Errorf("%d updates, more=%v, %v", len(p.updates), p.more, err)
	}
}

// endless is a body that goes on.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

func TestHugeBody(t *testing.T) {
	r := newRig(t, Target{URL: urls["github"], Ref: "main"})
	d := recording(t, "github", "push").signed(secret)

	post := func(body io.Reader, announced int64) int {
		req := httptest.NewRequest(http.MethodPost, "/webhook", body)
		req.Header, req.ContentLength = d.header, announced
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, req)
		return rec.Code
	}
	unannounced := &endless{}
	if status := post(unannounced, -1); status != http.StatusRequestEntityTooLarge || unannounced.read > 2*MaxBody {
		t.Errorf("%d after %d bytes", status, unannounced.read)
	}
	announced := &endless{}
	if status := post(announced, MaxBody+1); status != http.StatusRequestEntityTooLarge || announced.read > 0 {
		t.Errorf("announced: %d after %d bytes", status, announced.read)
	}
	// Without a signature that could be right nothing is read at all.
	d.header.Set("X-Hub-Signature-256", "sha256=guess")
	refused := &endless{}
	if status := post(refused, -1); status != http.StatusForbidden || refused.read > 0 {
		t.Errorf("refused: %d after %d bytes", status, refused.read)
	}
}

// TestLargestBody is a body of exactly the limit, announced and not.
func TestLargestBody(t *testing.T) {
	r := newRig(t, Target{URL: urls["github"], Ref: "main"})
	d := recording(t, "github", "push")
	d.body = append(d.body, bytes.Repeat([]byte(" "), MaxBody-len(d.body))...)
	d = d.signed(secret)
	for _, announced := range []int64{MaxBody, -1} {
		req := httptest.NewRequest(http.MethodPost, "/webhook", bytes.NewReader(d.body))
		req.Header, req.ContentLength = d.header, announced
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, req)
		if rec.Code != http.StatusAccepted {
			t.Errorf("%d: %d", announced, rec.Code)
		}
	}
}

// TestMemory has as many senders as there may be announce the largest body and send as
// much of it as they can, none of them finishing.
func TestMemory(t *testing.T) {
	r := newRig(t, Target{URL: urls["github"], Ref: "main"})
	d := recording(t, "github", "push").signed(secret)
	ctx, cancel := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	stalled := make(chan struct{}, 200)
	for range 200 {
		senders.Go(func() {
			req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhook", &stalling{ctx: ctx, left: MaxBody - 1, stalled: stalled})
			req.Header, req.ContentLength = d.header, MaxBody
			r.ServeHTTP(httptest.NewRecorder(), req)
		})
	}
	<-stalled // the large one has sent all it has; the others wait for its place, or for any
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if most := uint64(maxReading*smallBody + 2*MaxBody + 16<<20); m.HeapAlloc > most {
		t.Errorf("%d MiB are held, of at most %d", m.HeapAlloc>>20, most>>20)
	}
	cancel()
	senders.Wait()
	free(t, r)
}

// stalling is a body that stops before its end, until ctx ends.
type stalling struct {
	ctx     context.Context
	left    int
	stalled chan struct{}
}

func (s *stalling) Read(p []byte) (int, error) {
	if s.left == 0 {
		s.stalled <- struct{}{}
		<-s.ctx.Done()
		return 0, s.ctx.Err()
	}
	n := min(len(p), s.left)
	s.left -= n
	return n, nil
}

// free checks that every place has been given back.
func free(t *testing.T, r *rig) {
	t.Helper()
	p := r.Handler.(*handler).places
	if len(p.small)+len(p.large)+len(p.waiting) > 0 {
		t.Errorf("places are still taken: %d small, %d large, %d waiting", len(p.small), len(p.large), len(p.waiting))
	}
}

// pipes is a listener whose connections live in a synctest bubble, where time is not waited for.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// serve runs a real http.Server in front of the handler, inside a bubble.
func serve(t *testing.T, h http.Handler) *pipes {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 20 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(p) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return p
}

// head is the beginning of a request for a delivery, up to its body.
func (d delivery) head(query string, length int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST /webhook%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n", query, length)
	_ = d.header.Write(&b)
	return b.String() + "\r\n"
}

// TestSlowBody is a sender that sends one byte each second, for ever.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Target{URL: urls["github"], Ref: "main"})
		conn := serve(t, r).dial()
		defer conn.Close()
		d := recording(t, "github", "push").signed(secret)
		start := time.Now()
		second := time.NewTicker(time.Second)
		defer second.Stop()
		answered := make(chan struct{})
		defer close(answered)
		go func() {
			_, _ = io.WriteString(conn, d.head("", 1000))
			for {
				select {
				case <-second.C:
					_, _ = io.WriteString(conn, "{")
				case <-answered:
					return
				}
			}
		}()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusRequestTimeout {
			t.Fatalf("%v %v", resp, err)
		}
		defer resp.Body.Close()
		if took := time.Since(start); took > BodyTime {
			t.Errorf("after %s", took)
		}
		free(t, r)
	})
}

// TestManySlowBodies has slow senders take every place: the others wait for theirs as
// long as a body may take, and not longer; then a real push passes.
func TestManySlowBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Target{URL: urls["github"], Ref: "main"})
		srv := serve(t, r)
		good := recording(t, "github", "push").signed(secret)
		send := func(body string, length int) int {
			conn := srv.dial()
			defer conn.Close()
			go func() { _, _ = io.WriteString(conn, good.head("", length)+body) }()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return 0
			}
			defer resp.Body.Close()
			return resp.StatusCode
		}
		var senders sync.WaitGroup
		results := make(chan int, 100)
		for range 100 {
			senders.Go(func() { results <- send("{", 1000) })
		}
		synctest.Wait()
		p := r.Handler.(*handler).places
		if len(p.small) != maxReading {
			t.Errorf("%d are read at once", len(p.small))
		}
		senders.Wait()
		close(results)
		for status := range results {
			if status != http.StatusRequestTimeout && status != http.StatusServiceUnavailable {
				t.Errorf("a slow sender got %d", status)
			}
		}
		if status := send(string(good.body), len(good.body)); status != http.StatusAccepted {
			t.Errorf("then a real push got %d", status)
		}
		free(t, r)
	})
}

// TestNoPlace has a push wait in vain.
func TestNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Target{URL: urls["github"], Ref: "main"})
		places := r.Handler.(*handler).places
		for range maxReading {
			places.small <- struct{}{}
		}
		start := time.Now()
		status, text := r.post(recording(t, "github", "push").signed(secret))
		if status != http.StatusServiceUnavailable || text != "" || time.Since(start) != BodyTime {
			t.Errorf("%d %q after %s", status, text, time.Since(start))
		}
	})
}

// TestThousandPushes all get through, side by side over real connections.
func TestThousandPushes(t *testing.T) {
	var mu sync.Mutex
	pushes := 0
	srv := httptest.NewServer(newRig(t, Target{
		URL: urls["gitea"], Ref: "main",
		Trigger: func() { mu.Lock(); pushes++; mu.Unlock() },
	}))
	defer srv.Close()
	d := recording(t, "gitea", "push").signed(secret)
	goroutines := runtime.NumGoroutine()
	var senders sync.WaitGroup
	for range 50 {
		senders.Go(func() {
			for range 20 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, bytes.NewReader(d.body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header = d.header
				resp, err := srv.Client().Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusAccepted {
					t.Errorf("%s", resp.Status)
				}
			}
		})
	}
	senders.Wait()
	if pushes != 1000 {
		t.Errorf("%d pushes", pushes)
	}
	srv.Client().CloseIdleConnections()
	srv.CloseClientConnections()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines+5; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
		}
	}
}
