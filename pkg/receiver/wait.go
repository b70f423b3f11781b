package receiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxWait is the longest time that ?wait= may ask for.
const maxWait = 10 * time.Minute

// trigger syncs the targets of a push, and waits for the syncs if the sender asks for it.
func (h *handler) trigger(w http.ResponseWriter, req *http.Request, hits []hit) answer {
	asked := req.URL.Query().Get("wait")
	wait, err := time.ParseDuration(cmp.Or(asked, "0"))
	if err != nil || wait < 0 || wait > maxWait {
		return invalid("wait=%.200q is not a duration of at most %s, such as 30s; nothing was triggered", asked, maxWait)
	}
	a := triggered(http.StatusAccepted, "accepted: a sync is triggered")
	if wait > 0 {
		select {
		case h.places.waiting <- struct{}{}:
			defer func() { <-h.places.waiting }()
			// The server's own deadline is for responses that are written at once.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + BodyTime))
			return h.await(w, req, hits, wait)
		default:
			a = triggered(http.StatusServiceUnavailable, "a sync is triggered, but too many requests wait for one")
		}
	}
	if out := h.peers.prepare(req); out != nil {
		h.peers.start(req.Context(), out, hits)
	}
	for _, hit := range hits {
		hit.target.Trigger()
	}
	return a
}

// await syncs the targets, here and at the peers, and returns the hashes that are published here. If all are the
// same, the hash is also in a header.
func (h *handler) await(w http.ResponseWriter, req *http.Request, hits []hit, wait time.Duration) answer {
	ctx, cancel := context.WithTimeout(req.Context(), wait)
	defer cancel()
	hashes, errs := make([]string, len(hits)), make([]error, len(hits))
	var all sync.WaitGroup
	for i, hit := range hits {
		all.Go(func() { hashes[i], errs[i] = hit.target.Wait(ctx) })
	}
	everywhere := true
	if out := h.peers.prepare(req); out != nil {
		everywhere = h.peers.send(ctx, out)
	}
	all.Wait()
	switch err := errors.Join(errs...); {
	case err != nil && ctx.Err() != nil:
		return triggered(http.StatusGatewayTimeout, fmt.Sprintf("nothing was published within %s; the sync continues", wait))
	case err != nil: // the details are for operators, and may contain more than the sender may know
		return triggered(http.StatusBadGateway, "the sync failed: see its log and /status")
	case !everywhere:
		return triggered(http.StatusBadGateway, "it is published here, but not by every replica: see the log")
	}
	hashes = slices.Compact(hashes)
	if len(hashes) == 1 {
		w.Header().Set("Gitsync-Hash", hashes[0])
	}
	return triggered(http.StatusOK, strings.Join(hashes, "\n"))
}
