// Package auth makes git able to authenticate.
//
// It hides where credentials come from (options, files, an askpass URL, a GitHub App, SSH keys,
// cookies, or nothing at all), when they expire, and how git is handed them: git runs our own
// executable as its GIT_ASKPASS and in place of ssh, and what that needs to know is in the
// environment of git's process, which only our own UID can read. So no secret is in an argument, in
// a file, or in a process that outlives git, no shell is needed; and a credential that was refused is simply offered again by the next
// sync.
//
// Invariants: every file that Options name is read anew by each Refresh, so that rotation needs no
// restart. A secret is handed only to the scheme and host it is for, however git comes by the URL
// (submodules, redirects). No error or log line holds a secret. Nothing is written to disk, save a
// line in /etc/passwd if Options.AddUser asks for it;
// private copies of keys live in anonymous memory.
//
// State: the GitHub App's current token, what the last Refresh offered (to explain a refusal), and
// counters. All of it is in memory, and losing it costs one token.
package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"git-sync/pkg/git"
)

// Report counts what was done, for metrics. Keys are "success" and "error".
type Report struct {
	AskpassCalls    map[string]int
	GitHubRefreshes map[string]int
}

// Auth provides one repository's credentials. Refresh, Rejected and Explain are for one goroutine;
// Report is for any.
type Auth struct {
	opts   Options
	client *http.Client
	mem    memFiles
	token  token
	offer  offer
	noted  string // the problems of SSH keys that were last logged
	warned bool   // of a UID without a name

	mu     sync.Mutex
	report Report
}

// offer is what the last Refresh made available.
type offer struct {
	entries []offered
	cookies string
	ssh     sshOffer
}

// all are the entries without their sources.
func (o offer) all() []entry {
	var entries []entry
	for _, e := range o.entries {
		entries = append(entries, e.entry)
	}
	return entries
}

// requestTimeout bounds one request of our own: a slow askpass URL must leave time for git.
const requestTimeout = time.Minute

// maxEnvironment is the most that one variable can carry: Linux allows 128 KiB (MAX_ARG_STRLEN).
const maxEnvironment = 120 << 10

// New takes options that pkg/config has checked. It reads no file, and neither blocks nor asks anybody.
func New(opts Options) (*Auth, error) {
	if !filepath.IsAbs(opts.Self) {
		return nil, failure("credentials", "the path of git-sync's executable is not absolute", "")
	}
	if opts.Learned == nil {
		opts.Learned = func(string) {}
	}
	if opts.HTTP == nil {
		opts.HTTP = NewTransport(opts.Env, opts.GitConfig)
	}
	client := &http.Client{
		Transport:     opts.HTTP,
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirected },
	}
	return &Auth{opts: opts, client: client, mem: memFiles{}, report: Report{
		AskpassCalls:    map[string]int{},
		GitHubRefreshes: map[string]int{},
	}}, nil
}

// Refresh reads every file and asks every service whose answer is due, and gives what git needs to
// run with the result. It is called at the start of each sync and blocks at most until ctx ends. Its
// errors name the file or host concerned, have a Hint, and are an *Error.
func (a *Auth) Refresh(ctx context.Context) (git.Overlay, error) {
	a.offer = offer{}
	if err := a.gather(ctx); err != nil {
		return git.Overlay{}, err
	}
	overlay, err := a.askpassOverlay()
	if err != nil {
		return git.Overlay{}, err
	}
	overlay.Authorization = a.authorization()
	if a.opts.CookieFile != "" {
		kv, err := cookieConfig(a.opts.CookieFile, a.opts.URL)
		if err != nil {
			return git.Overlay{}, err
		}
		a.offer.cookies = a.opts.CookieFile
		overlay.Config = append(overlay.Config, kv)
	}
	ssh, sshOverlay, err := a.prepareSSH()
	a.offer.ssh = ssh
	if err != nil {
		return git.Overlay{}, err
	}
	overlay.Env = append(overlay.Env, sshOverlay.Env...)
	return overlay, nil
}

// askpassOverlay makes git ask us for users and passwords.
func (a *Auth) askpassOverlay() (git.Overlay, error) {
	if len(a.offer.entries) == 0 {
		return git.Overlay{}, nil
	}
	byPath := slices.ContainsFunc(a.offer.entries, func(o offered) bool { return o.Path != "" })
	overlay := git.Overlay{Config: []git.KV{{Key: "credential.useHttpPath", Value: strconv.FormatBool(byPath)}}}
	text, err := json.Marshal(a.offer.all())
	if err != nil {
		return git.Overlay{}, &Error{Op: "describing the credentials", Err: err}
	}
	if len(text) > maxEnvironment {
		return git.Overlay{}, failure("credentials", fmt.Sprintf("they are larger than %d bytes in all", maxEnvironment), "give fewer by --credential")
	}
	overlay.Env = []string{"GIT_ASKPASS=" + a.opts.Self, askpassVariable + "=" + string(text)}
	return overlay, nil
}

// authorization is what answers the repository's own host when it asks for a
// password, "" if there is nothing.
func (a *Auth) authorization() string {
	e, ok := find(a.offer.all(), prompt{target: a.opts.URL})
	if !ok {
		return ""
	}
	code := base64.StdEncoding.EncodeToString([]byte(e.User + ":" + e.Pass))
	a.opts.Learned(code)
	return "Basic " + code
}

// Rejected is called when a server refused what the last Refresh gave: a token is minted anew next
// time. Everything else is read anew by every Refresh anyway.
func (a *Auth) Rejected() { a.token = token{} }

// Report gives the counts so far.
func (a *Auth) Report() Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Report{AskpassCalls: maps.Clone(a.report.AskpassCalls), GitHubRefreshes: maps.Clone(a.report.GitHubRefreshes)}
}

// Close gives back the memory that holds private copies of keys. Auth is of no use afterwards.
func (a *Auth) Close() { a.mem.close() }

// count adds one call to a counter, by its outcome.
func (a *Auth) count(calls map[string]int, err error) {
	status := "success"
	if err != nil {
		status = "error"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	calls[status]++
}
