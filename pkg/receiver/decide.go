package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxWait is the longest time that ?wait= may ask for.
const maxWait = 10 * time.Minute

// understand says which targets take a verified delivery.
func (h *handler) understand(f *forge, header http.Header, body []byte, targets []Target) ([]hit, answer) {
	event := header.Get(f.event)
	if slices.Contains(f.pings, event) {
		return nil, answer{status: http.StatusOK, outcome: Ping, text: "pong"}
	}
	if f.event != "" && event == "" && len(f.eventAt) == 0 {
		return nil, ignored("%s names its events in the header %s, which is missing", f.name, f.event)
	}
	if f.event != "" && len(f.eventAt) == 0 && !slices.Contains(f.pushes, event) {
		return nil, ignored("%s is not a push", quoted(event))
	}
	sent, err := f.parse(header.Get("Content-Type"), body)
	if err != nil {
		return nil, invalid("%v", err)
	}
	if sent.event != "" {
		event = sent.event
	}
	if len(f.eventAt) > 0 && !slices.Contains(f.pushes, event) {
		return nil, ignored("%s is not a push", quoted(event))
	}
	return decide(f, sent, targets)
}

// decide says which targets a push is of. If there is none, the answer is the one that the first target has.
func decide(f *forge, sent payload, targets []Target) ([]hit, answer) {
	var hits []hit
	var refused answer
	for _, t := range slices.Backward(targets) {
		push, a := t.decide(f, sent)
		if a.outcome == Triggered {
			hits = append(hits, hit{t, push})
		} else {
			refused = a
		}
	}
	if len(hits) == 0 {
		return nil, refused
	}
	slices.Reverse(hits)
	return hits, accepted()
}

// decide says whether a push is of the target.
func (t Target) decide(f *forge, sent payload) (Push, answer) {
	push := Push{Repo: sent.repos, Source: f.name}
	ours := placeOf(t.URL)
	switch {
	case len(sent.repos) == 0 && f.name != generic:
		return push, invalid("the push names no repository")
	case len(sent.repos) > 0 && !ours.isOurs(sent.repos):
		return push, ignored("the push is of %s, what is followed is %q", quoted(sent.repos[0]), ours.path)
	case len(sent.updates) == 0 && f.name != generic:
		return push, invalid("the push names no ref")
	case len(sent.updates) == 0:
		return push, accepted()
	}
	why := ""
	for _, u := range slices.Backward(sent.updates) {
		why = t.follows(u, sent.branch)
		if why == "" {
			push.Ref, push.Before, push.After, push.Deleted = u.ref, u.before, u.after, u.deleted()
			return push, accepted()
		}
	}
	if sent.more {
		return push, accepted() // ours may be among those that were not read
	}
	push.Ref = sent.updates[0].ref
	return push, ignored("the push is of %s: %s", quoted(push.Ref), why)
}

func accepted() answer {
	return answer{status: http.StatusAccepted, outcome: Triggered, text: "accepted: a sync is triggered"}
}

func ignored(format string, args ...any) answer {
	return answer{status: http.StatusOK, outcome: Ignored, text: "ignored: " + fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) answer {
	return answer{status: http.StatusBadRequest, outcome: Invalid, text: fmt.Sprintf(format, args...)}
}

// quoted makes what a forge wrote fit for an answer and for the log.
func quoted(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "..."
	}
	return fmt.Sprintf("%q", s)
}

// trigger has pushes synced, and waits for that if the sender asked for it.
func (h *handler) trigger(w http.ResponseWriter, req *http.Request, hits []hit) answer {
	a := accepted()
	wait, err := waitOf(req)
	canWait := !slices.ContainsFunc(hits, func(hit hit) bool { return hit.target.Wait == nil })
	switch {
	case err != nil:
		return invalid("%v; nothing was triggered", err)
	case wait == 0:
	case !canWait:
		a.status, a.text = http.StatusNotImplemented, "a sync is triggered, but waiting for it is not possible here"
	default:
		select {
		case h.places.waiting <- struct{}{}:
			defer func() { <-h.places.waiting }()
			// The server's own limit on answering is made for answers that come at once.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + BodyTime))
			return h.await(w, req, hits, wait)
		default:
			a.status, a.text = http.StatusServiceUnavailable, "a sync is triggered, but too many are waiting for it"
		}
	}
	for _, hit := range hits {
		hit.target.Trigger(hit.push)
	}
	return a
}

// await has pushes synced and answers what came of that, with the hash if it is the same for all.
func (h *handler) await(w http.ResponseWriter, req *http.Request, hits []hit, wait time.Duration) answer {
	ctx, cancel := context.WithTimeout(req.Context(), wait)
	defer cancel()
	hashes, errs := make([]string, len(hits)), make([]error, len(hits))
	var all sync.WaitGroup
	for i, hit := range hits {
		all.Go(func() {
			hashes[i], errs[i] = hit.target.Wait(ctx, hit.push)
			if errs[i] == nil && hashes[i] == "" {
				errs[i] = errors.New("nothing is published")
			}
		})
	}
	all.Wait()
	a, err := accepted(), errors.Join(errs...)
	switch {
	case err == nil:
		hashes = slices.Compact(hashes)
		if len(hashes) == 1 {
			w.Header().Set("Gitsync-Hash", hashes[0])
		}
		a.status, a.text = http.StatusOK, strings.Join(hashes, "\n")
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		a.status, a.text = http.StatusGatewayTimeout, fmt.Sprintf("nothing was published within %s; the sync goes on", wait)
	default:
		// The error is for our operators: it may hold more than the sender may know.
		a.status, a.text = http.StatusBadGateway, "the sync failed: its log and /status tell why"
	}
	return a
}

// waitOf is the time that ?wait= asks for, 0 without it.
func waitOf(req *http.Request) (time.Duration, error) {
	value := req.URL.Query().Get("wait")
	if value == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(value)
	if err != nil || wait < 0 || wait > maxWait {
		return 0, fmt.Errorf("wait=%s is not a duration of at most %s, such as 30s", quoted(value), maxWait)
	}
	return wait, nil
}

// log logs a delivery. A kind of refusal is logged once at level 0: a scanner of the internet must not fill the log.
func (h *handler) log(source string, hit hit, a answer, from string) {
	reason := a.cause
	if reason == "" {
		reason = strings.TrimPrefix(a.text, "ignored: ")
	}
	log, push := h.Log.WithValues("forge", source, "from", from, "status", a.status), hit.push
	if hit.target.Name != "" {
		log = log.WithValues("sync", hit.target.Name)
	}
	switch a.outcome {
	case Triggered:
		log.V(1).Info("push received", "ref", push.Ref, "before", push.Before, "after", push.After)
	case Ignored, Ping:
		log.V(2).Info("delivery ignored", "reason", reason)
	default:
		level := 0
		if _, again := h.logged.LoadOrStore(fmt.Sprint(source, a.outcome, a.status), true); again {
			level = 1
		}
		log.V(level).Info("delivery refused", "outcome", a.outcome, "reason", reason)
	}
}

// reply answers. Who is refused gets a status and nothing else.
func reply(w http.ResponseWriter, a answer) {
	header := w.Header()
	if a.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "5")
	}
	if a.text == "" {
		header.Set("Content-Length", "0")
		w.WriteHeader(a.status)
		return
	}
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.text+"\n") // a sender that has gone has its own troubles
}
