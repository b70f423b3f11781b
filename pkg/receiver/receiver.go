package receiver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// unknown is the source of a delivery whose forge is not known.
const unknown = "unknown"

// Options lists the targets, and takes the results of deliveries.
type Options struct {
	// Targets lists the current targets; it is called for each delivery. Each has passed Check.
	Targets func() []Target
	// Log gets pushes that trigger at level 1, ignored deliveries at level 2, and each kind of refusal
	// at level 0 the first time. The zero value logs nothing.
	Log logr.Logger
	// Observe is called with the outcome of each delivery: a name of Providers, or "unknown", and one of
	// the constants of outcomes. Required. A delivery that triggers is counted for each target, by its name.
	Observe func(target, source, outcome string)
	// Peers returns the addresses of all replicas, ours among them, for each delivery that triggers; nil: there are none.
	Peers func(context.Context) (addresses []string, err error)
}

type handler struct {
	Options
	places places
	peers  peers
	logged sync.Map // what has been logged at level 0, where it is logged once
	mu     sync.Mutex
	known  map[[3]string]repository // by forge, name and URL of a target
}

// New returns the handler of one path. The server in front of it must limit the size and the time of
// headers. The handler limits the rest by the deadlines of the connection, which it sets itself.
func New(o Options) http.Handler {
	return &handler{Options: o, peers: peers{Options: o, transport: http.Transport{DisableKeepAlives: true}}, known: map[[3]string]repository{}, places: places{
		small:   make(chan struct{}, maxReading),
		large:   make(chan struct{}, 1),
		waiting: make(chan struct{}, maxWaiting),
	}}
}

// hit is a push that a target takes.
type hit struct {
	target Target
	push   Push
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	source, hits, err := h.receive(w, req)
	a, _ := errors.AsType[answer](err) // there are no other errors
	if err == nil {
		a = h.trigger(w, req, hits)
	} else {
		hits = []hit{{}}
	}
	for _, hit := range hits {
		h.Observe(hit.target.Name, source, a.outcome)
		h.log(source, req.RemoteAddr, hit, a)
	}
	a.reply(w)
}

// receive returns the targets that a delivery triggers. An error is the answer to all other deliveries.
// It gives its place back when it returns.
func (h *handler) receive(w http.ResponseWriter, req *http.Request) (source string, hits []hit, err error) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return unknown, nil, errMethod
	}
	targets := slices.Clone(h.Targets())
	f := recognise(req.Header, targets)
	if f == nil {
		return unknown, nil, errNoForge
	}
	targets = slices.DeleteFunc(targets, func(t Target) bool { return !t.takes(f.name) })
	// The deadline also limits what the server reads of a refused body. When all has been read, the server lifts the
	// deadline. A writer without a connection, as in tests, needs none.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(BodyTime))
	leave, err := h.places.enter(req)
	if err != nil {
		return f.name, nil, err
	}
	defer leave()
	targets, body, err := h.verify(f, w, req, targets)
	if err != nil {
		return f.name, nil, err
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil } // for the peers
	p, err := f.read(req.Header, body)
	if err != nil {
		return f.name, nil, err
	}
	hits, err = h.takers(f, p, targets)
	return f.name, hits, err
}

// takers returns the targets that take a push. If there is none, the error is that of the first target.
func (h *handler) takers(f *forge, p payload, targets []Target) (hits []hit, err error) {
	known := false
	for _, t := range targets {
		what := h.recall(f, p, t)
		known = known || what != foreign
		push, refused := t.take(f, p, what)
		if refused == nil {
			hits = append(hits, hit{t, push})
		}
		err = cmp.Or(err, refused)
	}
	if !known {
		h.Log.V(h.level(f.name, 2)).Info("ignoring pushes of another repository: if it was renamed, set --repo to its new URL", "repository", p.repos)
	}
	if len(hits) > 0 {
		err = nil
	}
	return hits, err
}
