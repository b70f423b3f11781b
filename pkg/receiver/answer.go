package receiver

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// Delivery describes a delivery after it was answered. It contains no secret, and its texts have a limited length. Its
// JSON is a part of /status.
type Delivery struct {
	Time time.Time `json:"time"`
	// Forge is one of Providers, "unknown", or Peer.
	Forge string `json:"forge"`
	// Event, Repository and Ref are what the delivery names; "" if it was refused before they were read.
	Event      string `json:"event,omitempty"`
	Repository string `json:"repository,omitempty"`
	Ref        string `json:"ref,omitempty"`
	// Outcome is one of the constants below, and Reason says why it is not Triggered.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	// Sync is the name of the triggered target, and From the address of the sender.
	Sync string `json:"sync,omitempty"`
	From string `json:"from,omitempty"`
}

// Outcomes of a delivery.
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
	// Busy is a delivery that could not be read within BodyTime, because too many others were being read.
	Busy = "busy"
	// Failed is a delivery that could not be verified because the secret could not be read.
	Failed = "error"
)

// answer is the result of a delivery. It is an error unless a target takes the push.
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
	_, _ = io.WriteString(w, text) // an error means that the sender has disconnected
}

// maxNoted is the size of a text of a Delivery.
const maxNoted = 200

// note observes and logs a delivery, for one of the targets or for none. Each kind of result is logged at level 0 at
// most once a minute, so that neither a busy forge nor a stranger can fill the log.
func (h *handler) note(d Delivery, hit hit, a answer) {
	d.Time, d.Sync, d.Outcome = time.Now(), hit.target.Name, a.outcome
	if a.outcome != Triggered {
		d.Reason = a.text
	}
	for _, text := range []*string{&d.Event, &d.Repository, &d.Ref} {
		*text = (*text)[:min(len(*text), maxNoted)]
	}
	h.Observe(d)
	log := h.Log.V(h.level(fmt.Sprint(d.Sync, d.Forge, a.outcome, a.status), 1)).
		WithValues("forge", d.Forge, "event", d.Event, "repository", d.Repository, "ref", d.Ref, "from", d.From, "status", a.status)
	if d.Sync != "" {
		log = log.WithValues("sync", d.Sync)
	}
	switch a.outcome {
	case Triggered:
		log.Info("push received", "before", hit.update.before, "after", hit.update.after)
	case Ignored, Ping:
		log.Info("delivery ignored", "reason", a.text)
	default:
		log.Info("delivery refused", "outcome", a.outcome, "reason", a.text)
	}
}
