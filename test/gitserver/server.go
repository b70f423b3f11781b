package gitserver

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Server serves the repositories in one directory by git http-backend.
type Server struct {
	URL    string // without a slash at its end, such as http://127.0.0.1:1234
	CAFile string // HTTPS only: the certificate to trust, for git's http.sslCAInfo
	Root   string // the directory that is served

	t       TB
	ca      *authority
	packets *packets
	stop    chan struct{} // closed at the end, so that silent and slow answers end

	mu      sync.Mutex
	log     []*Request
	changed chan struct{} // closed and replaced whenever a request is logged or answered
	rules   []*Rule
	auth    Auth
	wrong   Certificate
}

// HTTP serves the directory that r lies in, and all other repositories there.
func HTTP(t TB, r *Repo) *Server {
	t.Helper()
	return serve(t, filepath.Dir(r.Dir), nil)
}

// HTTPS is [HTTP] with TLS, by a certificate authority made for it: see [Server.CAFile] and [Server.Present].
func HTTPS(t TB, r *Repo) *Server {
	t.Helper()
	ca, err := newAuthority(t.TempDir())
	if err != nil {
		t.Fatalf("making a certificate authority: %v", err)
	}
	return serve(t, filepath.Dir(r.Dir), ca)
}

func serve(t TB, root string, ca *authority) *Server {
	t.Helper()
	execPath, err := gitCall{args: []string{"--exec-path"}}.run()
	if err != nil {
		t.Fatalf("%v", err)
	}
	s := &Server{Root: root, t: t, ca: ca, stop: make(chan struct{}), changed: make(chan struct{})}
	backend := &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(execPath), "git-http-backend"),
		Root:   "/",
		Env:    append(Env(), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=test"),
		Stderr: io.Discard,
		Logger: log.New(io.Discard, "", 0),
	}
	if _, err := exec.LookPath(backend.Path); err != nil {
		t.Fatalf("git http-backend is not installed (it is part of Debian's package git): %v", err)
	}
	web := httptest.NewUnstartedServer(s.handler(backend))
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.Listener.Close()
	if s.packets, err = newPackets(); err != nil {
		t.Fatalf("listening on loopback: %v", err)
	}
	web.Listener = s.packets
	if ca != nil {
		s.CAFile = ca.file
		// httptest brings a certificate of its own, which the configuration chosen for each connection replaces.
		web.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			c, err := ca.certificate(s.wrong)
			if err != nil {
				return nil, err
			}
			return &tls.Config{Certificates: []tls.Certificate{*c}, NextProtos: []string{"http/1.1"}}, nil
		}}
		web.StartTLS()
	} else {
		web.Start()
	}
	s.URL = web.URL
	t.Cleanup(func() {
		close(s.stop)
		web.CloseClientConnections()
		web.Close()
	})
	return s
}

// RepoURL is where a repository in the served directory is found.
func (s *Server) RepoURL(r *Repo) string { return s.URL + "/" + r.Name() }

// handler logs, authenticates, applies the fault of the moment, and lets git answer.
func (s *Server) handler(backend http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// CGI wants the length of the body beforehand, and git sends long ones in chunks.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil

		entry := s.enter(describe(r, body))
		out := &answer{ResponseWriter: w}
		defer func() { s.leave(entry, out) }()

		auth, rule := s.next(entry.Kind)
		if auth != nil && !auth.Allows(r) {
			out.Header().Set("WWW-Authenticate", auth.Challenge())
			http.Error(out, "authentication required", http.StatusUnauthorized)
			return
		}
		if rule == nil {
			backend.ServeHTTP(out, r)
			return
		}
		err = rule(exchange{w: out, r: r, backend: backend, stop: s.stop})
		if errors.Is(err, errCut) {
			panic(http.ErrAbortHandler) // closes the connection where it stands
		}
	})
}

// next returns the authentication and the fault, if any, for a request of that kind, and uses up one of the fault's turns.
func (s *Server) next(k Kind) (Auth, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, rule := range s.rules {
		if rule.On != "" && rule.On != k {
			continue
		}
		if rule.Times > 0 {
			rule.Times--
			if rule.Times == 0 {
				s.rules = append(s.rules[:i:i], s.rules[i+1:]...)
			}
		}
		return s.auth, rule.Do
	}
	return s.auth, nil
}

// Fail puts faults in force, in place of all earlier ones. The first rule that matches a request decides.
func (s *Server) Fail(rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
	for _, r := range rules {
		s.rules = append(s.rules, &r)
	}
}

// DropPackets loses every packet to the server until [Server.Heal], also those of open connections.
func (s *Server) DropPackets() {
	s.t.Helper()
	if err := s.packets.lose(true); err != nil {
		s.t.Fatalf("dropping packets: %v", err)
	}
}

// Heal ends all faults. Requests that are being mistreated already stay so.
func (s *Server) Heal() {
	s.t.Helper()
	s.Fail()
	if err := s.packets.lose(false); err != nil {
		s.t.Fatalf("no longer dropping packets: %v", err)
	}
}

// Require refuses with 401 whoever does not authenticate so; nil lets everybody in.
func (s *Server) Require(a Auth) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth = a
}

// Present changes the certificate that new connections are shown.
func (s *Server) Present(c Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = c
}

// answer counts what is sent and can be told to stop.
type answer struct {
	http.ResponseWriter
	status int
	sent   int64
}

func (a *answer) WriteHeader(code int) {
	if a.status == 0 {
		a.status = code
	}
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.sent += int64(n)
	return n, err
}

// Flush makes a streamed answer leave at once.
func (a *answer) Flush() {
	if f, ok := a.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}
