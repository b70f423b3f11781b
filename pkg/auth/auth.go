// Package auth provides git with credentials.
//
// It hides where credentials come from (options, files, an askpass URL, a GitHub App, SSH keys, cookies), when they
// expire, and how git gets them. git runs our own executable as its credential helper and instead of ssh. That gets
// the credentials from the environment of git's process, which only our own UID can read. So no secret is in an
// argument or in a file, and no process with a secret outlives git. A rejected credential is simply offered again by
// the next sync.
//
// Invariants: each Refresh reads every file in Options again, so that rotation needs no restart. A secret is sent
// only to the scheme and host that it is for, also if git gets the URL from a submodule or a redirect. No error or
// log message contains a secret. Nothing is written to disk, except a line in /etc/passwd with Options.AddUser.
// Private copies of keys are in anonymous memory.
//
// State: the GitHub App's current token, what the last Refresh offered (to explain a rejection), and counters. All of
// it is in memory. Losing it costs one request for a token.
package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"git-sync/pkg/git"
)

// Report has counts for metrics. The keys are "success" and "error".
type Report struct {
	AskpassCalls    map[string]int
	GitHubRefreshes map[string]int
}

// Auth provides one repository's credentials. Refresh, Rejected and Explain must be called from one goroutine. Report
// may be called from any.
type Auth struct {
	opts   Options
	client *http.Client
	mem    memFiles
	token  token
	offer  offer
	noted  string // the last logged problems of SSH keys
	warned bool   // the log has said that the UID has no name

	mu     sync.Mutex
	report Report
}

// offer is what the last Refresh has provided.
type offer struct {
	entries []entry
	cookies string
	ssh     sshOffer
}

// requestTimeout limits one of our own requests, so that a slow askpass URL leaves time for git.
const requestTimeout = time.Minute

// maxEnvironment limits the size of a variable, in bytes: Linux allows 128 KiB (MAX_ARG_STRLEN).
const maxEnvironment = 120 << 10

// New takes options that pkg/config has checked. It reads no files, sends no requests, and does not block.
func New(opts Options) *Auth {
	client := &http.Client{
		Transport:     NewTransport(opts.Env, opts.GitConfig),
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirected },
	}
	return &Auth{opts: opts, client: client, mem: memFiles{}, report: Report{
		AskpassCalls:    map[string]int{},
		GitHubRefreshes: map[string]int{},
	}}
}

// Refresh reads every file, asks every service whose credential is due, and returns what git needs to use the result.
// It is called at the start of each sync, and blocks until ctx ends at the latest. Its errors name the file or host,
// and have a Hint.
func (a *Auth) Refresh(ctx context.Context) (git.Overlay, error) {
	a.offer = offer{}
	if err := a.collect(ctx); err != nil {
		return git.Overlay{}, err
	}
	overlay, err := a.helperOverlay()
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
	ssh, err := a.prepareSSH()
	if err != nil {
		return git.Overlay{}, err
	}
	overlay.Env = append(overlay.Env, ssh...)
	return overlay, nil
}

// helperOverlay makes git ask our executable for users and passwords.
func (a *Auth) helperOverlay() (git.Overlay, error) {
	if len(a.offer.entries) == 0 {
		return git.Overlay{}, nil
	}
	text, _ := json.Marshal(a.offer.entries) // cannot fail for texts
	if len(text) > maxEnvironment {
		return git.Overlay{}, failure("credentials", fmt.Errorf("they are larger than %d bytes in all", maxEnvironment), "give fewer by --credential")
	}
	byPath := slices.ContainsFunc(a.offer.entries, func(e entry) bool { return e.Path != "" })
	return git.Overlay{Env: []string{credentialVariable + "=" + string(text)}, Config: []git.KV{
		{Key: "credential.helper", Value: "!exec " + shellQuote(a.opts.Self)},
		{Key: "credential.useHttpPath", Value: strconv.FormatBool(byPath)},
	}}, nil
}

// authorization returns the value of the Authorization header for the repository's own host; "" if there is no
// password.
func (a *Auth) authorization() string {
	own, _ := scopeOf(a.opts.URL)
	e, ok := find(a.offer.entries, own) // there is none for a URL of another kind
	if !ok {
		return ""
	}
	code := base64.StdEncoding.EncodeToString([]byte(e.User + ":" + e.Pass))
	a.opts.Learned(code)
	return "Basic " + code
}

// Rejected is called if a server rejected what the last Refresh provided. The next Refresh then requests a new token.
// It reads everything else again anyway.
func (a *Auth) Rejected() { a.token = token{} }

// Report returns the counts so far.
func (a *Auth) Report() Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Report{AskpassCalls: maps.Clone(a.report.AskpassCalls), GitHubRefreshes: maps.Clone(a.report.GitHubRefreshes)}
}

// Close frees the memory of the private copies of keys. Auth must not be used afterwards.
func (a *Auth) Close() { a.mem.close() }

// count adds one call to a counter, by its result.
func (a *Auth) count(calls map[string]int, err error) {
	status := "success"
	if err != nil {
		status = "error"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	calls[status]++
}
