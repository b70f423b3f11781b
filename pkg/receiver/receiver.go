package receiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// Outcomes of a delivery, as given to Options.Observe.
const (
	// Triggered is a push of our repository and ref.
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
	// Busy is a delivery beyond those that are looked at or waited for at once.
	Busy = "busy"
	// Failed is a delivery that could not be verified because the secret could not be read.
	Failed = "error"
)

// unknown is the source of a delivery that no row of the table recognises.
const unknown = "unknown"

// Push is what a forge told of one push.
type Push struct {
	// Repo holds the URLs and full names by which the forge calls the repository. Empty from
	// a generic sender that named none.
	Repo []string
	// Ref is the full name of the ref, or the short one where a generic sender gave that;
	// empty when the sender named none, or more than are looked at.
	Ref string
	// Before and After are the hashes that the ref had and has, as far as they were told;
	// zeros or nothing stand for no commit.
	Before, After string
	// Source is the forge, one of Providers.
	Source string
	// Deleted says that the ref is gone. Such a push only comes where Options.Match is set.
	Deleted bool
}

// Options says whose pushes are taken and what comes of them.
type Options struct {
	// Provider is one of Providers, or "auto" or "": found out by each delivery's headers.
	Provider string
	// Secret gives the secret, for each delivery anew; see SecretFile. Required, as is that
	// it gives one when New is called.
	Secret func() ([]byte, error)
	// URL is our repository, in any form that git takes. Required. How it is compared is
	// told in docs/webhooks.md.
	URL string
	// Ref is what is followed: a branch, a tag, a full hash, refs/..., or HEAD, which is what
	// "" means.
	Ref string
	// Match, when set, is asked instead, with the ref's full name: for patterns of tags. Deletions
	// count then, because they may change which tag is the highest.
	Match func(ref string) bool
	// AllowSHA1 takes GitHub deliveries that are signed with HMAC-SHA1 alone.
	AllowSHA1 bool
	// Trigger is called for each push of ours. Required; it must not block.
	Trigger func(Push)
	// Wait, when set, is called instead of Trigger for a delivery that asks for ?wait=. It
	// triggers, and returns when a sync that started after the call has ended: with
	// the published hash, or why there is none, at the latest when ctx ends.
	Wait func(context.Context, Push) (hash string, err error)
	// Log gets what was triggered at level 1, what was ignored at level 2, and each kind of refusal
	// at level 0 the first time. The zero value logs nothing.
	Log logr.Logger
	// Observe, when set, is told the outcome of each delivery: a name of Providers, or "unknown",
	// and one of the outcomes above.
	Observe func(source, outcome string)
}

// Providers are the names that Options.Provider takes. The beginning of a name
// up to a dash ("bitbucket") is good for all that begin with it.
func Providers() []string {
	names := []string{auto}
	for _, f := range forges() {
		names = append(names, f.name)
	}
	return names
}

type handler struct {
	Options
	forges  []forge
	ours    place
	follows refMatcher
	places  *places
	logged  sync.Map // kinds of refusal that have been logged at level 0
}

// New gives the handler of one path. It fails when an option is missing or wrong, and
// with ErrNoSecret when there is no secret. The server in front of it has to limit
// the size and the time of headers; everything after them is limited here, by the
// deadlines of the connection, which the handler sets itself.
func New(o Options) (http.Handler, error) {
	if o.Secret == nil {
		return nil, ErrNoSecret
	}
	if secret, err := o.Secret(); err != nil {
		return nil, err
	} else if len(secret) == 0 {
		return nil, ErrNoSecret
	}
	h := &handler{Options: o, ours: placeOf(o.URL), follows: matchRef(o.Ref), places: newPlaces()}
	if o.Match != nil {
		h.follows = matchFunc(o.Match)
	}
	if h.ours.path == "" || o.Trigger == nil {
		return nil, errors.New("receiver needs a repository and a trigger")
	}
	if h.Log.GetSink() == nil {
		h.Log = logr.Discard()
	}
	if h.Observe == nil {
		h.Observe = func(string, string) {}
	}
	for _, f := range forges() {
		if o.Provider == "" || o.Provider == auto || o.Provider == f.name || strings.HasPrefix(f.name, o.Provider+"-") {
			h.forges = append(h.forges, f)
		}
	}
	if len(h.forges) == 0 {
		return nil, fmt.Errorf("unknown provider %q of pushes: one of %s", o.Provider, strings.Join(Providers(), ", "))
	}
	return h, nil
}

// answer is what comes of a delivery.
type answer struct {
	status  int
	outcome string
	text    string // told to the sender; nothing is told to those who are refused
	cause   string // for the log, where the text is not enough
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	source, push, a := h.receive(w, req)
	if a.outcome == Triggered {
		a = h.trigger(w, req, push)
	}
	h.Observe(source, a.outcome)
	h.log(source, push, a, req.RemoteAddr)
	reply(w, a)
}

// receive goes through steps 1 to 6 of the package's doc. The places that it takes are free again when it returns.
func (h *handler) receive(w http.ResponseWriter, req *http.Request) (source string, p Push, a answer) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return unknown, Push{}, answer{status: http.StatusMethodNotAllowed, outcome: Invalid, text: "forges POST their pushes here"}
	}
	f := h.recognise(req.Header)
	if f == nil {
		return unknown, Push{}, refusal(http.StatusUnauthorized, "no header of a forge that is known, nor a token")
	}
	// For the body, or for what the server throws away of it. When all has been read, the server lifts the deadline
	// itself. A writer that has no connection, as in tests, has nothing to limit.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(BodyTime))
	ctx, cancel := context.WithTimeout(req.Context(), BodyTime)
	defer cancel()
	v, err := h.places.enter(ctx)
	if err != nil {
		return f.name, Push{}, failure(err)
	}
	defer v.leave()
	body, a := h.verify(ctx, w, req, verification{forge: f, visit: v})
	if a.outcome != "" {
		return f.name, Push{}, a
	}
	p, a = h.understand(f, req.Header, body)
	return f.name, p, a
}

// recognise finds the row of the forge that sends.
func (h *handler) recognise(header http.Header) *forge {
	if len(h.forges) == 1 {
		return &h.forges[0]
	}
	for i := range h.forges {
		for _, mark := range h.forges[i].marks {
			name, begin, valued := strings.Cut(mark, ": ")
			value := header.Get(name)
			if valued && len(value) >= len(begin) && strings.EqualFold(value[:len(begin)], begin) || !valued && value != "" {
				return &h.forges[i]
			}
		}
	}
	return nil
}

type verification struct {
	forge *forge
	visit *visit
}

// verify reads the body of a delivery that proves to come from somebody who knows the
// secret; of others it reads no more than it must. The answer is empty if it does.
func (h *handler) verify(ctx context.Context, w http.ResponseWriter, req *http.Request, v verification) ([]byte, answer) {
	secret, err := h.Secret()
	if err != nil || len(secret) == 0 {
		return nil, answer{status: http.StatusServiceUnavailable, outcome: Failed, cause: fmt.Sprintf("no secret: %v", err)}
	}
	strong, weak := v.forge.split()
	if h.AllowSHA1 {
		strong, weak = v.forge.schemes, nil
	}
	offered, unsigned := proofs(strong, req.Header, secret)
	if _, none := proofs(weak, req.Header, secret); unsigned && !none {
		return nil, refusal(http.StatusForbidden, "it is signed with SHA-1 only")
	}
	if unsigned {
		return nil, refusal(http.StatusUnauthorized, "it is not signed: give the forge the secret")
	}
	if len(offered) == 0 {
		return nil, refusal(http.StatusForbidden, "its signature or token is wrong: the forge has another secret")
	}
	body, err := v.visit.read(ctx, w, req, offered)
	if err != nil {
		return nil, failure(err)
	}
	for _, p := range offered {
		if p.holds() {
			return body, answer{}
		}
	}
	return nil, refusal(http.StatusForbidden, "its signature or token is wrong: the forge has another secret")
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
