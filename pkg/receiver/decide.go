package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxWait is the longest time that ?wait= may ask for.
const maxWait = 10 * time.Minute

// understand says what a verified delivery is to us.
func (h *handler) understand(f *forge, header http.Header, body []byte) (Push, answer) {
	event := header.Get(f.event)
	if slices.Contains(f.pings, event) {
		return Push{}, answer{status: http.StatusOK, outcome: Ping, text: "pong"}
	}
	if f.event != "" && len(f.eventAt) == 0 && !slices.Contains(f.pushes, event) {
		return Push{}, ignored("%s is not a push", quoted(event))
	}
	told, err := f.parse(header.Get("Content-Type"), body)
	if err != nil {
		return Push{}, invalid("%v", err)
	}
	if told.event != "" {
		event = told.event
	}
	if len(f.eventAt) > 0 && !slices.Contains(f.pushes, event) {
		return Push{}, ignored("%s is not a push", quoted(event))
	}
	return h.decide(f, told)
}

// decide says whether a push is ours.
func (h *handler) decide(f *forge, told payload) (Push, answer) {
	push := Push{Repo: told.repos, Source: f.name}
	isOurs := answer{status: http.StatusAccepted, outcome: Triggered, text: "accepted: a sync is triggered"}
	switch {
	case len(told.repos) == 0 && f.name != generic:
		return push, invalid("the push names no repository")
	case len(told.repos) > 0 && !h.ours.isOurs(told.repos):
		return push, ignored("the push is of %s, what is followed is %q", quoted(told.repos[0]), h.ours.path)
	case len(told.updates) == 0 && f.name != generic:
		return push, invalid("the push names no ref")
	case len(told.updates) == 0:
		return push, isOurs
	}
	why := ""
	for _, u := range slices.Backward(told.updates) {
		why = h.follows(u, told.branch)
		if why == "" {
			push.Ref, push.Before, push.After, push.Deleted = u.ref, u.before, u.after, u.deleted()
			return push, isOurs
		}
	}
	if told.more {
		return push, isOurs // ours may be among those that were not looked at
	}
	push.Ref = told.updates[0].ref
	return push, ignored("the push is of %s: %s", quoted(push.Ref), why)
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

// trigger has a push synced, and waits for it if the sender asked for that.
func (h *handler) trigger(w http.ResponseWriter, req *http.Request, push Push) answer {
	a := answer{status: http.StatusAccepted, outcome: Triggered, text: "accepted: a sync is triggered"}
	wait, err := waitOf(req)
	switch {
	case err != nil:
		return invalid("%v; nothing was triggered", err)
	case wait == 0:
		h.Trigger(push)
		return a
	case h.Wait == nil:
		h.Trigger(push)
		a.status, a.text = http.StatusNotImplemented, "a sync is triggered, but waiting for it is not possible here"
		return a
	case !tryTake(h.places.waiting):
		h.Trigger(push)
		a.status, a.text = http.StatusServiceUnavailable, "a sync is triggered, but too many are waiting for it"
		return a
	}
	defer func() { <-h.places.waiting }()
	// The server's own limit on answering is made for answers that come at once.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + BodyTime))
	ctx, cancel := context.WithTimeout(req.Context(), wait)
	defer cancel()
	hash, err := h.Wait(ctx, push)
	switch {
	case err == nil && hash != "":
		w.Header().Set("Gitsync-Hash", hash)
		a.status, a.text = http.StatusOK, hash
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		a.status, a.text = http.StatusGatewayTimeout, fmt.Sprintf("nothing was published within %s; the sync goes on", wait)
	default:
		// The error is for our operators: it may tell more than the sender is to know.
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

// log tells the operator. A kind of refusal is news once; whoever scans the internet must not be able to fill the log.
func (h *handler) log(source string, push Push, a answer, from string) {
	reason := a.cause
	if reason == "" {
		reason = strings.TrimPrefix(a.text, "ignored: ")
	}
	log := h.Log.WithValues("forge", source, "from", from, "status", a.status)
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
