package server

import (
	"context"
	"html/template"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/instance"
	"git-sync/pkg/receiver"
	"git-sync/pkg/syncer"
)

// Build describes the running program.
type Build struct {
	// Version is the version of git-sync, Commit the revision from which it was built, Go the version of the
	// toolchain, and Git the version of git in use.
	Version string `json:"gitSync"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go,omitempty"`
	Git     string `json:"git,omitempty"`
}

// Sync is one synced repository.
type Sync struct {
	// Name is its name in paths and labels; empty for the only sync of a process that has no names.
	Name string
	// MaxStaleness is the maximum age of the last successful sync; after that, it is not ready. 0: no limit.
	MaxStaleness time.Duration
	// Settings are shown as they are.
	Settings Settings
	// Report is called for each request. It must not block.
	Report func() instance.Report
}

// Settings are the most important settings for operators.
type Settings struct {
	// Link is the published path, Period the delay between two syncs, and Budget the limit for failures.
	Link   string `json:"link,omitempty"`
	Period string `json:"period,omitempty"`
	Budget string `json:"failureBudget,omitempty"`
}

// Options configures a Server. Its functions are required.
type Options struct {
	Build Build
	// Metrics and Pprof add /metrics and /debug/pprof/.
	Metrics, Pprof bool
	// Receiver says that there is a webhook receiver. Its deliveries are shown.
	Receiver bool
	// Syncs returns the present syncs. Either there is always one without a name, or all have names.
	Syncs func() []Sync
	// InvalidConfig says why a changed configuration is ignored; "" if none is. It is only called if syncs have
	// names.
	InvalidConfig func() string
	// Scrub removes secrets from a text.
	Scrub func(string) string
	Log   logr.Logger
}

// Server is the HTTP server for operators. All its methods are safe for concurrent use.
type Server struct {
	opt        Options
	named      bool // the syncs have names
	host       string
	started    time.Time
	metrics    *metrics
	deliveries *deliveries // nil without a receiver
	mux        *http.ServeMux
	pages      func() (*template.Template, error)
}

// New returns a Server. It does not listen yet.
func New(o Options) *Server {
	syncs := o.Syncs()
	s := &Server{
		opt: o, named: len(syncs) != 1 || syncs[0].Name != "", started: time.Now(), mux: http.NewServeMux(),
		pages: sync.OnceValues(newPages),
	}
	s.host, _ = os.Hostname()
	if o.Receiver {
		s.deliveries = &deliveries{}
	}
	s.metrics = newMetrics(s)
	s.routes()
	return s
}

// routes registers the handlers. All of them are read-only.
func (s *Server) routes() {
	s.mux.HandleFunc("GET /{$}", s.probe(snapshot.notUsed))
	s.mux.HandleFunc("GET /livez", s.probe(snapshot.notLive))
	s.mux.HandleFunc("GET /healthz", s.probe(snapshot.notLive))
	s.mux.HandleFunc("GET /readyz", s.probe(snapshot.notReady))
	s.mux.HandleFunc("GET /status", s.serveStatus)
	if s.named {
		s.mux.HandleFunc("GET /readyz/{name}", s.ofOne(func(w http.ResponseWriter, _ *http.Request, snap snapshot) { s.answer(w, snap.notReady()) }))
		s.mux.HandleFunc("GET /status/{name}", s.ofOne(func(w http.ResponseWriter, req *http.Request, snap snapshot) {
			s.respond(w, req, "page.html", s.status(snap))
		}))
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

// Handle serves POST requests for a path with another handler. It is for a receiver that shares the port.
func (s *Server) Handle(path string, h http.Handler) {
	if strings.HasSuffix(path, "/") {
		path += "{$}"
	}
	s.mux.Handle("POST "+path, h)
}

// ServeHTTP answers one request, without the limits of Serve.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, req)
}

// Serve serves on l until ctx ends, then closes l and returns nil. An error means that it cannot continue to serve.
// When ctx ends, running requests get half a second to complete.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, s, s.opt.Log)
}

// ServeOnly serves only one path, with one handler, with the same limits as Serve. It is for a receiver with a port
// of its own.
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

// Observe counts what a new report of a sync's loop shows. It does not block. For a nil Server, this method and the
// following ones do nothing.
func (s *Server) Observe(name string, r syncer.Report) {
	if s != nil {
		s.metrics.observe(name, r)
	}
}

// NoteDelivery counts a delivery to the webhook receiver, and keeps it for the status page.
func (s *Server) NoteDelivery(d receiver.Delivery) {
	if s != nil {
		s.metrics.delivery(d.Sync, d.Forge, d.Outcome)
		s.deliveries.add(d)
	}
}

// ObserveGit counts a git command that has ended, such as "fetch", and its duration. The number of different commands
// must be limited, because each is a time series.
func (s *Server) ObserveGit(command string, took time.Duration) {
	if s != nil {
		s.metrics.commands.WithLabelValues(command).Observe(took.Seconds())
	}
}
