package server

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/hook"
	"git-sync/pkg/syncer"
)

// Build says what is running.
type Build struct {
	// Version is ours, Commit the revision it was built from, Go the toolchain's version and Git that of the git in use.
	Version, Commit, Go, Git string
}

// Stats are figures from the layers below the loop, as counted since the start.
type Stats struct {
	// DiskBytes is what lies on disk, by part ("objects", "trees", ...).
	DiskBytes map[string]int64
	// StuckTrees counts the replaced trees that cannot be removed for now.
	StuckTrees int
	// AskpassCalls and GitHubRefreshes count the answers of --askpass-url and of GitHub's token endpoint, by status.
	AskpassCalls, GitHubRefreshes map[string]int
	// Unverified counts the revisions that --verify kept from being published.
	Unverified int
}

// Options describe a Server. The zero value serves probes and status.
type Options struct {
	Build Build
	// Metrics and Pprof add /metrics and /debug/pprof/.
	Metrics, Pprof bool
	// MaxStaleness is the age of the last successful sync beyond which we are not ready; 0: no limit.
	MaxStaleness time.Duration
	// Unfit says why what is published is not to be used now, "" when it may be. It is asked by each probe and must not block. nil:
	// it always may.
	Unfit func() string
	// Hooks and Stats are asked for each page and scrape. They must not block. nil: nothing to say.
	Hooks func() []hook.Report
	Stats func() Stats
	// Scrub takes secrets out of a text. nil: there are none.
	Scrub func(string) string
	Log   logr.Logger
}

// Server answers operators. It is made by New; all its methods may be used from any goroutine.
type Server struct {
	opt     Options
	started time.Time
	last    atomic.Pointer[syncer.Report] // as the loop gave it: what is served of its texts comes from report
	metrics *metrics
	mux     *http.ServeMux
	page    func() (*page, error)

	mu    sync.RWMutex
	extra map[string]http.Handler
}

// New makes a Server that listens nowhere yet.
func New(o Options) *Server {
	if o.Scrub == nil {
		o.Scrub = func(s string) string { return s }
	}
	if o.Unfit == nil {
		o.Unfit = func() string { return "" }
	}
	if o.Hooks == nil {
		o.Hooks = func() []hook.Report { return nil }
	}
	if o.Stats == nil {
		o.Stats = func() Stats { return Stats{} }
	}
	s := &Server{
		opt: o, started: time.Now(), mux: http.NewServeMux(),
		page: sync.OnceValues(newPage), extra: map[string]http.Handler{},
	}
	s.last.Store(&syncer.Report{})
	s.metrics = newMetrics(s)
	s.routes()
	return s
}

// routes sets up what is served. All of it is read-only; what is not ours goes to the handlers of Handle.
func (s *Server) routes() {
	s.mux.HandleFunc("GET /{$}", s.serveRoot)
	s.mux.HandleFunc("GET /livez", s.serveLive)
	s.mux.HandleFunc("GET /healthz", s.serveLive)
	s.mux.HandleFunc("GET /readyz", s.serveReady)
	s.mux.HandleFunc("GET /status", s.serveStatus)
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
	s.mux.HandleFunc("/", s.serveExtra)
}

// Handle serves a path by somebody else's handler, for a receiver that shares our port. Our own paths stay ours for GET and HEAD.
func (s *Server) Handle(path string, h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extra[path] = h
}

func (s *Server) serveExtra(w http.ResponseWriter, req *http.Request) {
	s.mu.RLock()
	h := s.extra[req.URL.Path]
	s.mu.RUnlock()
	if h == nil {
		h = http.NotFoundHandler()
	}
	h.ServeHTTP(w, req)
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

// Observe takes note of the loop's state. It does not block, and costs next to nothing: most reports are never looked at.
func (s *Server) Observe(r syncer.Report) {
	before := s.last.Swap(&r)
	s.metrics.published(before, &r)
}

// report is the loop's last report, scrubbed of all secrets known by now.
func (s *Server) report() *syncer.Report {
	r := *s.last.Load()
	r.Repo, r.Ref = s.opt.Scrub(r.Repo), s.opt.Scrub(r.Ref)
	r.LastError, r.LastHint = s.opt.Scrub(r.LastError), s.opt.Scrub(r.LastHint)
	r.History = slices.Clone(r.History)
	for i := range r.History {
		r.History[i].Error = s.opt.Scrub(r.History[i].Error)
	}
	return &r
}

// hooks are the reports of the hooks, scrubbed.
func (s *Server) hooks() []hook.Report {
	list := append([]hook.Report(nil), s.opt.Hooks()...)
	for i := range list {
		list[i].LastError = s.opt.Scrub(list[i].LastError)
		list[i].LastHint = s.opt.Scrub(list[i].LastHint)
	}
	return list
}

// CountDelivery counts what came of a push that was delivered to the receiver: source is the forge's name, outcome one of the receiver's.
func (s *Server) CountDelivery(source, outcome string) { s.metrics.delivery(source, outcome) }

// ObserveGit counts a git command that has ended: its name ("fetch") and how long it took.
func (s *Server) ObserveGit(command string, took time.Duration) { s.metrics.git(command, took) }
