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

	"github.com/go-logr/logr"
)

// Outcomes of a delivery, as given to Options.Observe.
const (
	// Triggered is a push of a target's repository and ref.
	Triggered = "triggered"
	// Ignored is a verified delivery of another event, ref or repository.
	Ignored = "ignored"
	// Ping is a forge that asks whether we are here.
	Ping = "ping"
	// Refused is a delivery that is not signed, or wrongly.
	Refused = "refused"
	// Invalid is a request that is no delivery, or a verified one that cannot be understood.
	Invalid = "invalid"
	// TooLarge is a body beyond MaxBody.
	TooLarge = "too_large"
	// TimedOut is a body that did not arrive within BodyTime.
	TimedOut = "timeout"
	// Busy is a delivery beyond those that are read or waited for at once.
	Busy = "busy"
	// Failed is a delivery that could not be verified because the secret could not be read.
	Failed = "error"
)

// unknown is the source of a delivery that no row of the table recognises.
const unknown = "unknown"

// Push is what a forge said about one push.
type Push struct {
	// Repo holds the URLs and full names by which the forge calls the repository. Empty from
	// a generic sender that named none.
	Repo []string
	// Ref is the full name of the ref, or the short one where a generic sender gave that;
	// empty when the sender named none, or more than are read.
	Ref string
	// Before and After are the hashes that the ref had and has, as far as the forge gave them;
	// zeros or nothing stand for no commit.
	Before, After string
	// Source is the forge, one of Providers.
	Source string
	// Deleted says that the ref is gone. Such a push only comes where Target.Match is set.
	Deleted bool
}

// Options says which targets there are, and who hears of deliveries.
type Options struct {
	// Targets lists the targets that there are now; it is called for each delivery. Each has passed Check.
	Targets func() []Target
	// Log gets what was triggered at level 1, what was ignored at level 2, and each kind of refusal
	// at level 0 the first time. The zero value logs nothing.
	Log logr.Logger
	// Observe, when set, is called with the outcome of each delivery: a name of Providers, or "unknown",
	// and one of the outcomes above. One that triggered is counted for each target, by its name.
	Observe func(target, source, outcome string)
}

type handler struct {
	Options
	forges []forge
	places *places
	logged sync.Map // kinds of refusal that have been logged at level 0
}

// New gives the handler of one path. The server in front of it has to limit
// the size and the time of headers; everything after them is limited here, by the
// deadlines of the connection, which the handler sets itself.
func New(o Options) http.Handler {
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	if o.Observe == nil {
		o.Observe = func(string, string, string) {}
	}
	return &handler{Options: o, forges: forges(), places: newPlaces()}
}

// hit is a push that a target takes.
type hit struct {
	target Target
	push   Push
}

// answer is what comes of a delivery.
type answer struct {
	status  int
	outcome string
	text    string // for the sender; refused senders get none
	cause   string // for the log, where the text is not enough
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	source, hits, a := h.receive(w, req)
	if a.outcome == Triggered {
		a = h.trigger(w, req, hits)
	}
	if a.outcome != Triggered {
		hits = []hit{{}}
	}
	for _, hit := range hits {
		h.Observe(hit.target.Name, source, a.outcome)
		h.log(source, hit, a, req.RemoteAddr)
	}
	reply(w, a)
}

// receive goes through steps 1 to 6 of the package's doc. The places that it takes are free again when it returns.
func (h *handler) receive(w http.ResponseWriter, req *http.Request) (source string, hits []hit, a answer) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return unknown, nil, answer{status: http.StatusMethodNotAllowed, outcome: Invalid, text: "forges POST their pushes here"}
	}
	targets := h.Targets()
	f := h.recognise(req.Header, targets)
	if f == nil {
		return unknown, nil, refusal(http.StatusUnauthorized, "no header of a forge that is known, nor a token")
	}
	targets = slices.DeleteFunc(slices.Clone(targets), func(t Target) bool { return !t.takes(f.name) })
	// For the body, or for what the server throws away of it. When all has been read, the server lifts the deadline
	// itself. A writer that has no connection, as in tests, has nothing to limit.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(BodyTime))
	ctx, cancel := context.WithTimeout(req.Context(), BodyTime)
	defer cancel()
	leave, err := h.places.enter(ctx, req)
	if err != nil {
		return f.name, nil, failure(err)
	}
	defer leave()
	claims, a := h.claims(f, req.Header, targets)
	if a.outcome != "" {
		return f.name, nil, a
	}
	body, err := readBody(w, req)
	if err != nil {
		return f.name, nil, failure(err)
	}
	signed := [][]byte{body}
	if f.signsPayload {
		if payload, err := unwrap(req.Header.Get("Content-Type"), body); err == nil {
			signed = append(signed, payload)
		}
	}
	targets = proved(claims, signed)
	if len(targets) == 0 {
		return f.name, nil, wrongSignature()
	}
	hits, a = h.understand(f, req.Header, body, targets)
	return f.name, hits, a
}

// recognise finds the row of the forge that sends, among those whose deliveries are taken.
func (h *handler) recognise(header http.Header, targets []Target) *forge {
	var taken []*forge
	for i := range h.forges {
		if slices.ContainsFunc(targets, func(t Target) bool { return t.takes(h.forges[i].name) }) {
			taken = append(taken, &h.forges[i])
		}
	}
	if len(taken) == 1 {
		return taken[0]
	}
	for _, f := range taken {
		for _, mark := range f.marks {
			name, begin, valued := strings.Cut(mark, ": ")
			value := header.Get(name)
			if valued && len(value) >= len(begin) && strings.EqualFold(value[:len(begin)], begin) || !valued && value != "" {
				return f
			}
		}
	}
	return nil
}

// claim is that the sender knows a secret, which some targets share.
type claim struct {
	secret    string
	allowSHA1 bool
	targets   []Target
	proofs    []proof // any one will do
}

// claims are what a delivery may prove, with one claim for each secret. Without any, before the body is read, there is the
// answer.
func (h *handler) claims(f *forge, header http.Header, targets []Target) ([]claim, answer) {
	var claims []claim
	var broken error
	for _, t := range targets {
		secret, err := t.Secret()
		if err != nil || len(secret) == 0 {
			broken = cmp.Or(err, ErrNoSecret)
			continue
		}
		i := slices.IndexFunc(claims, func(c claim) bool { return c.secret == string(secret) && c.allowSHA1 == t.AllowSHA1 })
		if i < 0 {
			i = len(claims)
			claims = append(claims, claim{secret: string(secret), allowSHA1: t.AllowSHA1})
		}
		claims[i].targets = append(claims[i].targets, t)
	}
	if broken != nil {
		h.Log.Error(broken, "reading the receiver's secret failed")
	}
	if len(claims) == 0 {
		return nil, answer{status: http.StatusServiceUnavailable, outcome: Failed, cause: fmt.Sprintf("no secret: %v", broken)}
	}
	var refused answer
	for i := range claims {
		claims[i].proofs, refused = f.proofs(header, claims[i])
	}
	claims = slices.DeleteFunc(claims, func(c claim) bool { return len(c.proofs) == 0 })
	if len(claims) > 0 {
		refused = answer{}
	}
	return claims, refused
}

// proofs are what a delivery offers to prove a claim by; without any, there is the answer.
func (f *forge) proofs(header http.Header, c claim) ([]proof, answer) {
	strong, weak := f.split()
	if c.allowSHA1 {
		strong, weak = f.schemes, nil
	}
	offered, unsigned := proofs(strong, header, []byte(c.secret))
	_, noneWeak := proofs(weak, header, []byte(c.secret))
	switch {
	case unsigned && !noneWeak:
		return nil, refusal(http.StatusForbidden, "it is signed with SHA-1 only")
	case unsigned:
		return nil, refusal(http.StatusUnauthorized, "it is not signed: give the forge the secret")
	case len(offered) == 0:
		return nil, wrongSignature()
	}
	return offered, answer{}
}

// proved are the targets whose secret the sender knows: a proof of it holds for one of the texts that may be signed.
func proved(claims []claim, signed [][]byte) []Target {
	var targets []Target
	for _, c := range claims {
		holds := func(p proof) bool { return slices.ContainsFunc(signed, p) }
		if slices.ContainsFunc(c.proofs, holds) {
			targets = append(targets, c.targets...)
		}
	}
	return targets
}

// split parts the schemes that always count from those that have to be allowed.
func (f *forge) split() (strong, weak []scheme) {
	for _, s := range f.schemes {
		if s.weak {
			weak = append(weak, s)
		} else {
			strong = append(strong, s)
		}
	}
	return strong, weak
}

func wrongSignature() answer {
	return refusal(http.StatusForbidden, "its signature or token is wrong: the forge has another secret")
}

func refusal(status int, cause string) answer {
	return answer{status: status, outcome: Refused, cause: cause}
}

// failure is the answer to a body that did not arrive.
func failure(err error) answer {
	switch {
	case errors.Is(err, errTooLarge):
		return answer{status: http.StatusRequestEntityTooLarge, outcome: TooLarge, cause: err.Error()}
	case errors.Is(err, errSlow):
		return answer{status: http.StatusRequestTimeout, outcome: TimedOut, cause: err.Error()}
	case errors.Is(err, errBusy):
		return answer{status: http.StatusServiceUnavailable, outcome: Busy, cause: err.Error()}
	default:
		return answer{status: http.StatusBadRequest, outcome: Invalid, cause: err.Error()}
	}
}
