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

// Options configures the receiver.
type Options struct {
	// Targets returns the current targets. It is called for each delivery. Each target must have passed Check.
	Targets func() []Target
	// Log logs one message for each delivery. The zero value logs nothing.
	Log logr.Logger
	// Observe is called for each delivery, and once for each target that it triggers. Required.
	Observe func(Delivery)
	// Peers returns the addresses of all replicas, including our own. It is called for each delivery that triggers.
	// nil: there are no peers.
	Peers func(context.Context) (addresses []string, err error)
}

type handler struct {
	Options
	places places
	peers  peers
	logged sync.Map // by the kind of a line: when it was logged at level 0
	mu     sync.Mutex
	known  map[[3]string]repository // by forge, name and URL of a target
}

// New returns the handler of one path. The server must limit the size of headers and the time to read them. The
// handler sets the deadlines of the connection for the rest.
func New(o Options) http.Handler {
	return &handler{Options: o, peers: peers{Options: o, transport: http.Transport{DisableKeepAlives: true}}, known: map[[3]string]repository{}, places: places{
		small:   make(chan struct{}, maxReading),
		large:   make(chan struct{}, 1),
		waiting: make(chan struct{}, maxWaiting),
	}}
}

// hit is an update that a target takes.
type hit struct {
	target Target
	update update
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	d := Delivery{Forge: unknown, From: req.RemoteAddr}
	hits, err := h.receive(w, req, &d)
	a, _ := errors.AsType[answer](err) // there are no other errors
	if err == nil {
		a = h.trigger(w, req, hits)
	} else {
		hits = []hit{{}}
	}
	for _, hit := range hits {
		h.note(d, hit, a)
	}
	a.reply(w)
}

// receive returns the targets that a delivery triggers. An error is the answer to any other delivery. It fills in d,
// and frees its place before it returns.
func (h *handler) receive(w http.ResponseWriter, req *http.Request, d *Delivery) ([]hit, error) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, errMethod
	}
	targets := slices.Clone(h.Targets())
	f := recognise(req.Header, targets)
	if f == nil {
		return nil, errNoForge
	}
	d.Forge = f.name
	if event := req.Header.Get(f.event); slices.Contains(f.pushes, event) || slices.Contains(f.pings, event) {
		d.Event = event // other names are not shown before the sender has been verified
	}
	targets = slices.DeleteFunc(targets, func(t Target) bool { return !t.takes(f.name) })
	// The deadline also limits how much of a refused body the server reads. When everything has been read, the server
	// removes the deadline. A writer without a connection, as in tests, returns an error.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(BodyTime))
	leave, err := h.places.enter(req)
	if err != nil {
		return nil, err
	}
	defer leave()
	targets, body, err := h.verify(f, w, req, targets)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil } // for the peers
	p, err := f.read(req.Header, body)
	d.describe(f, req.Header, p)
	if err != nil {
		return nil, err
	}
	return h.takers(f, p, targets)
}

// describe fills in what a verified delivery is about.
func (d *Delivery) describe(f *forge, header http.Header, p payload) {
	d.Event = cmp.Or(p.event, header.Get(f.event))
	if len(p.repos) > 0 {
		d.Repository = p.repos[0]
	}
	if len(p.updates) > 0 {
		d.Ref = p.updates[0].ref
	}
}

// takers returns the targets that take a push. If there are none, it returns the error of the first target.
func (h *handler) takers(f *forge, p payload, targets []Target) (hits []hit, err error) {
	for _, t := range targets {
		u, refused := t.take(p, h.recall(f, p, t))
		if refused == nil {
			hits = append(hits, hit{t, u})
		}
		err = cmp.Or(err, refused)
	}
	if len(hits) > 0 {
		err = nil
	}
	return hits, err
}
