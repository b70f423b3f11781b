package server

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/instance"
	"git-sync/pkg/syncer"
)

// Build says what is running.
type Build struct {
	// Version is ours, Commit the revision it was built from, Go the toolchain's version and Git that of the git in use.
	Version, Commit, Go, Git string
}

// Sync is one synced repository, as far as operators see it.
type Sync struct {
	// Name is its name in paths and labels; empty for the only sync of a process that has no names.
	Name string
	// MaxStaleness is the age of the last successful sync beyond which it is not ready; 0: no limit.
	MaxStaleness time.Duration
	// Report is called for each request. It must not block.
	Report func() instance.Report
}

// Options describe a Server. The zero value serves the probes and the status of a sync that has not begun.
type Options struct {
	Build Build
	// Metrics and Pprof add /metrics and /debug/pprof/.
	Metrics, Pprof bool
	// Syncs lists the syncs that there are now. Either there is one without a name, always, or all have names. nil: one that has
	// not begun.
	Syncs func() []Sync
	// InvalidConfig says why a changed configuration is ignored, "" if none is. It is only called where syncs have names. nil:
	// there is none to change.
	InvalidConfig func() string
	// Scrub takes secrets out of a text. nil: there are none.
	Scrub func(string) string
	Log   logr.Logger
}

// Server answers operators. It is made by New; all its methods may be used from any goroutine.
type Server struct {
	opt     Options
	named   bool // the syncs have names
	started time.Time
	metrics *metrics
	mux     *http.ServeMux
	pages   func() (*pages, error)
}

// New makes a Server that listens nowhere yet.
func New(o Options) *Server {
	if o.Scrub == nil {
		o.Scrub = func(s string) string { return s }
	}
	if o.InvalidConfig == nil {
		o.InvalidConfig = func() string { return "" }
	}
	if o.Syncs == nil {
		none := []Sync{{Report: func() instance.Report { return instance.Report{} }}}
		o.Syncs = func() []Sync { return none }
	}
	syncs := o.Syncs()
	s := &Server{
		opt: o, named: len(syncs) != 1 || syncs[0].Name != "", started: time.Now(), mux: http.NewServeMux(),
		pages: sync.OnceValues(newPages),
	}
	s.metrics = newMetrics(s)
	s.routes()
	return s
}

// routes sets up what is served. All of it is read-only.
func (s *Server) routes() {
	s.mux.HandleFunc("GET /{$}", s.probe(snapshot.notUsed))
	s.mux.HandleFunc("GET /livez", s.probe(snapshot.notLive))
	s.mux.HandleFunc("GET /healthz", s.probe(snapshot.notLive))
	s.mux.HandleFunc("GET /readyz", s.probe(snapshot.notReady))
	s.mux.HandleFunc("GET /status", s.serveStatus)
	if s.named {
		s.mux.HandleFunc("GET /readyz/{name}", s.serveReadyOne)
		s.mux.HandleFunc("GET /status/{name}", s.serveStatusOne)
	}
	if s.opt.Metrics {
		s.mux.Handle("GET /metrics", s.metrics.handler(s.opt.Log))
	}
	if s.opt.Pprof {
		s.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		s.mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound) // arguments can be secrets
		s.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		s.mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		s.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
}

// Handle serves what is posted to a path by another handler, for a receiver that shares our port.
func (s *Server) Handle(path string, h http.Handler) {
	if strings.HasSuffix(path, "/") {
		path += "{$}"
	}
	s.mux.Handle("POST "+path, h)
}

// ServeHTTP answers one request; Serve does it with limits.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, req)
}

// Serve answers on l until ctx ends, closes l, and returns nil then; an error means that it could not go on serving.
// Requests under way get half a second to end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, s, s.opt.Log)
}

// ServeOnly serves one path by one handler and nothing else, with the same limits as Serve: for a receiver with a
// port of its own.
func ServeOnly(ctx context.Context, l net.Listener, path string, h http.Handler, log logr.Logger) error {
	only := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != path {
			http.NotFound(w, req)
			return
		}
		h.ServeHTTP(w, req)
	})
	return serve(ctx, l, only, log)
}

// Observe takes note of a change of a sync's loop, for what is counted as it happens. It does not block. A nil Server counts
// nothing, here and below.
func (s *Server) Observe(name string, r syncer.Report) {
	if s != nil {
		s.metrics.observe(name, r)
	}
}

// CountDelivery counts what came of a push that was delivered to the receiver: source is the forge's name, outcome one of
// the receiver's, and name that of the sync that it triggered, if any.
func (s *Server) CountDelivery(name, source, outcome string) {
	if s != nil {
		s.metrics.delivery(name, source, outcome)
	}
}

// ObserveGit counts a git command that has ended: its name ("fetch") and how long it took.
func (s *Server) ObserveGit(command string, took time.Duration) {
	if s != nil {
		s.metrics.git(command, took)
	}
}
