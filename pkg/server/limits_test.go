package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a listener within one process, so that a bubble's time holds for its connections.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (*pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// TestSlowSenders: whoever sends a byte now and then loses its connection, at its time.
func TestSlowSenders(t *testing.T) {
	for name, c := range map[string]struct {
		send string
		most time.Duration
	}{
		"nothing":        {"", idleTimeout},
		"half a header":  {"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", readHeaderTimeout},
		"half a body":    {"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", readTimeout + time.Second},
		"then no second": {"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", idleTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(Options{Log: logr.Discard()})
				s.Handle("/in", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
				ctx, cancel := context.WithCancel(t.Context())
				l := newPipes()
				done := make(chan error, 1)
				go func() { done <- s.Serve(ctx, l) }()
				c1 := l.dial()
				begun := time.Now()
				if _, err := io.WriteString(c1, c.send); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, c1); err != nil { // until it is closed
					t.Errorf("reading: %v", err)
				}
				if took := time.Since(begun); took > c.most {
					t.Errorf("the connection lived for %v, it may for %v", took, c.most)
				}
				c1.Close()
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestProfile takes a real one, through all limits.
func TestProfile(t *testing.T) {
	s := newServer(Options{Pprof: true})
	addr, stop := listening(t, s.Serve)
	defer func() { _ = stop() }()
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + addr + "/debug/pprof/profile?seconds=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 200 || len(b) == 0 {
		t.Errorf("%d, %v, %d bytes", res.StatusCode, err, len(b))
	}
}

// TestWaitersAreToldOfTheEnd: a handler that waits for something ends when we stop, not when its grace is over.
func TestWaitersAreToldOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(Options{Log: logr.Discard()})
		s.Handle("/wait", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		ctx, cancel := context.WithCancel(t.Context())
		l := newPipes()
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, l) }()
		c := l.dial()
		go func() { _, _ = io.Copy(io.Discard, c) }()
		if _, err := io.WriteString(c, "POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		begun := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took >= stopGrace {
			t.Errorf("it took %v", took)
		}
		c.Close()
	})
}

// TestConnectionsAreBounded: those beyond the limit wait until others have gone.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := newPipes()
		done := make(chan error, 1)
		go func() { done <- newServer(Options{Log: logr.Discard()}).Serve(ctx, l) }()
		var conns []net.Conn
		for range maxConns {
			conns = append(conns, l.dial())
		}
		var last net.Conn
		go func() { last = l.dial() }()
		synctest.Wait()
		if last != nil {
			t.Error("one more was accepted")
		}
		conns[0].Close()
		synctest.Wait()
		if last == nil {
			t.Fatal("it is not accepted after another has gone")
		}
		last.Close()
		for _, c := range conns[1:] {
			c.Close()
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
