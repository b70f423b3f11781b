package receiver

import (
	"fmt"
	"io"
	"net/http"
)

// Outcomes of a delivery, as given to Options.Observe.
const (
	// Triggered is a push of a target's repository and ref.
	Triggered = "triggered"
	// Ignored is a verified delivery of another event, ref or repository.
	Ignored = "ignored"
	// Ping is a delivery by which a forge tests the webhook.
	Ping = "ping"
	// Refused is a delivery that is not signed, or wrongly.
	Refused = "refused"
	// Invalid is a request that is no delivery, or a verified delivery that is not understood.
	Invalid = "invalid"
	// TooLarge is a body beyond MaxBody.
	TooLarge = "too_large"
	// TimedOut is a body that did not arrive within BodyTime.
	TimedOut = "timeout"
	// Busy is a delivery that got no place within BodyTime.
	Busy = "busy"
	// Failed is a delivery that could not be verified because the secret could not be read.
	Failed = "error"
)

// answer is the result of a delivery. It is an error unless the delivery is a push that targets take.
type answer struct {
	status  int
	outcome string
	text    string // for the log, and for senders that have proved themselves
}

func (a answer) Error() string { return a.text }

var (
	errMethod   = answer{http.StatusMethodNotAllowed, Invalid, "webhooks are sent by POST"}
	errNoForge  = answer{http.StatusUnauthorized, Refused, "the headers have no token and name no known forge"}
	errProof    = answer{http.StatusForbidden, Refused, "its signature or token is wrong: the forge has another secret"}
	errTooLarge = answer{http.StatusRequestEntityTooLarge, TooLarge, "the body is larger than 25 MiB"}
	errSlow     = answer{http.StatusRequestTimeout, TimedOut, "the body took too long to arrive"}
	errCut      = answer{http.StatusBadRequest, Invalid, "the body did not arrive as a whole"}
	errBusy     = answer{http.StatusServiceUnavailable, Busy, "too many deliveries at the same time"}
	errPing     = answer{http.StatusOK, Ping, "pong"}
)

func triggered(status int, text string) answer { return answer{status, Triggered, text} }

func ignored(format string, args ...any) answer {
	return answer{http.StatusOK, Ignored, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) answer {
	return answer{http.StatusBadRequest, Invalid, fmt.Sprintf(format, args...)}
}

// reply sends the answer.
func (a answer) reply(w http.ResponseWriter) {
	header, text := w.Header(), ""
	switch a.outcome {
	case Triggered, Ping, Invalid:
		text = a.text + "\n"
	case Ignored:
		text = "ignored: " + a.text + "\n"
	default: // the sender has not proved that it knows the secret
	}
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	if a.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "5")
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, text) // an error means that the sender is gone
}

// log logs a delivery. A kind of refusal is logged at level 0 once, so that strangers cannot fill the log.
func (h *handler) log(source, from string, hit hit, a answer) {
	log := h.Log.WithValues("forge", source, "from", from, "status", a.status)
	if hit.target.Name != "" {
		log = log.WithValues("sync", hit.target.Name)
	}
	switch a.outcome {
	case Triggered:
		log.V(1).Info("push received", "ref", hit.push.Ref, "before", hit.push.Before, "after", hit.push.After)
	case Ignored, Ping:
		log.V(2).Info("delivery ignored", "reason", a.text)
	default:
		log.V(h.level(fmt.Sprint(source, a.outcome, a.status), 1)).Info("delivery refused", "outcome", a.outcome, "reason", a.text)
	}
}
