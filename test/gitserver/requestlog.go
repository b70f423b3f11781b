package gitserver

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind is what a request is for.
type Kind string

// The kinds of request that git makes, in the order in which a fetch makes them.
const (
	Info   Kind = "info"    // GET info/refs: what the server can do (protocol 2), or all refs (0)
	LsRefs Kind = "ls-refs" // POST: which commit is the ref at
	Fetch  Kind = "fetch"   // POST: objects
	Push   Kind = "push"    // either request of git push
	Other  Kind = "other"   // files of the dumb protocol, a probe of a browser's
)

// Request is what is remembered of one.
type Request struct {
	Kind     Kind
	Method   string
	Path     string
	User     string   // of basic authentication
	Header   string   // the Authorization header as it came
	Protocol string   // the Git-Protocol header, such as version=2
	Prefixes []string // LsRefs: the ref prefixes asked for
	Wants    []string // Fetch: the objects asked for
	Status   int      // 0 while it is not answered
	Sent     int64    // bytes of the answer's body
	Start    time.Time
	End      time.Time // when the answer had ended, whole or cut; zero until then
}

// describe reads from a request what it is for.
func describe(r *http.Request, body []byte) Request {
	user, _, _ := r.BasicAuth()
	q := Request{
		Kind: Other, Method: r.Method, Path: r.URL.Path, User: user, Header: r.Header.Get("Authorization"),
		Protocol: r.Header.Get("Git-Protocol"), Start: time.Now(),
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/git-receive-pack") || r.URL.Query().Get("service") == "git-receive-pack":
		q.Kind = Push
	case strings.HasSuffix(r.URL.Path, "/info/refs"):
		q.Kind = Info
	case strings.HasSuffix(r.URL.Path, "/git-upload-pack"):
		q.Kind = Fetch
		for _, line := range pktLines(plain(r, body)) {
			switch word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); word {
			case "command=ls-refs":
				q.Kind = LsRefs
			case "ref-prefix":
				q.Prefixes = append(q.Prefixes, rest)
			case "want":
				hash, _, _ := strings.Cut(rest, " ")
				q.Wants = append(q.Wants, hash)
			}
		}
	}
	return q
}

// plain undoes the compression that git applies to long requests.
func plain(r *http.Request, body []byte) []byte {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	out, _ := io.ReadAll(z)
	return out
}

// pktLines splits git's lines, each with its length in four hex digits before it; lengths below four are separators.
func pktLines(b []byte) []string {
	var lines []string
	for len(b) >= 4 {
		n, err := strconv.ParseUint(string(b[:4]), 16, 16)
		if err != nil || int(n) > len(b) {
			break
		}
		if n < 4 {
			b = b[4:]
			continue
		}
		lines = append(lines, string(b[4:n]))
		b = b[n:]
	}
	return lines
}

func (s *Server) enter(q Request) *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, &q)
	s.tell()
	return &q
}

func (s *Server) leave(q *Request, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.Status, q.Sent, q.End = a.status, a.sent, time.Now()
	s.tell()
}

// tell wakes up whoever waits in Await.
func (s *Server) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Log returns the requests since the start or the last [Server.Reset], oldest first.
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.log))
	for i, q := range s.log {
		all[i] = *q
	}
	return all
}

// Count returns how many requests of a kind there were.
func (s *Server) Count(k Kind) int {
	n := 0
	for _, q := range s.Log() {
		if q.Kind == k {
			n++
		}
	}
	return n
}

// Reset forgets the log.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// Await blocks until n requests of a kind have come in (answered or not), or ends the test after a minute.
func (s *Server) Await(k Kind, n int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if s.Count(k) >= n {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.t.Fatalf("gitserver: %d requests of kind %q after a minute, want %d", s.Count(k), k, n)
		}
	}
}
