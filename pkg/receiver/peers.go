package receiver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Peer is the source with which Options.Observe counts the deliveries that are forwarded to peers.
const Peer = "peer"

const (
	// marker is the header of a forwarded delivery. Such a delivery is verified like any other, but never forwarded
	// again.
	marker = "Gitsync-Forwarded"

	forwardTime  = 5 * time.Second        // timeout for one peer
	forwardPause = 100 * time.Millisecond // delay before the second attempt; it doubles
)

// peers forwards deliveries to the other replicas.
type peers struct {
	Options
	transport http.Transport // no proxy, no redirects
	queues    sync.Map       // by the names of the targets
}

// queue forwards one delivery at a time. Of those that arrive meanwhile it keeps the newest, which has the same
// effect as the others.
type queue struct {
	busy, waits sync.Mutex
	newest      atomic.Pointer[http.Request]
}

// prepare returns an accepted delivery in the form for the peers; nil if it must not be forwarded. Its body comes
// from GetBody.
func (p *peers) prepare(req *http.Request) *http.Request {
	if p.Peers == nil || req.Header.Get(marker) != "" {
		return nil
	}
	out := req.Clone(req.Context())
	out.RequestURI, out.TransferEncoding, out.URL.Scheme = "", nil, "http"
	out.Header.Del("Connection")
	out.Header.Set(marker, "1")
	return out
}

// start forwards a delivery in the background, even if its sender has disconnected.
func (p *peers) start(ctx context.Context, out *http.Request, hits []hit) {
	var targets []string
	for _, hit := range hits {
		targets = append(targets, hit.target.Name)
	}
	value, _ := p.queues.LoadOrStore(fmt.Sprint(targets), &queue{})
	q, _ := value.(*queue)
	q.newest.Store(out)
	if !q.waits.TryLock() {
		return // the waiting goroutine takes the newest
	}
	go func() {
		q.busy.Lock()
		defer q.busy.Unlock()
		q.waits.Unlock()
		if out := q.newest.Swap(nil); out != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forwardTime)
			defer cancel()
			p.send(ctx, out)
		}
	}()
}

// send forwards a delivery to all peers at the same time, and reports whether all accepted it.
func (p *peers) send(ctx context.Context, out *http.Request) bool {
	addresses, err := p.Peers(ctx)
	own := fmt.Sprint(out.Context().Value(http.LocalAddrContextKey))
	addresses = slices.DeleteFunc(addresses, func(a string) bool { return a == own })
	results := make(chan bool)
	for _, address := range addresses {
		go func() { results <- p.note(p.sendTo(ctx, out, address)) }()
	}
	took := err == nil || p.note(err)
	for range addresses {
		took = <-results && took
	}
	return took
}

// sendTo forwards a delivery to one peer. If the peer is starting or busy, it retries for a while.
func (p *peers) sendTo(ctx context.Context, out *http.Request, address string) error {
	end := time.Now().Add(forwardTime)
	for pause := forwardPause; ; pause *= 2 {
		status, err := p.post(ctx, out, address)
		again := status == 0 || status == http.StatusServiceUnavailable
		if !again || ctx.Err() != nil || time.Now().Add(pause).After(end) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func (p *peers) post(ctx context.Context, out *http.Request, address string) (status int, err error) {
	req := out.Clone(ctx)
	req.URL.Host = address
	if req.Body, err = out.GetBody(); err != nil {
		return 0, err
	}
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		return 0, fmt.Errorf("posting to %s: %w", address, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("posting to %s: %s", address, resp.Status)
	}
	return resp.StatusCode, err
}

// note counts and logs the result of a delivery at a peer, and reports whether the peer accepted it.
func (p *peers) note(err error) bool {
	d := Delivery{Time: time.Now(), Forge: Peer, Outcome: Triggered}
	if err != nil {
		d.Outcome, d.Reason = Failed, err.Error()
		p.Log.Error(err, "forwarding a delivery to a peer failed")
	}
	p.Observe(d)
	return err == nil
}
