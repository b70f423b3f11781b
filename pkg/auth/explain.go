package auth

import (
	"cmp"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/proc"
)

// Explain adds to an error of git what the last Refresh had provided for the server. So a rejected key differs from a
// missing one, a wrong password from a missing one, and an unknown host from one that has changed. Errors that are
// not about credentials are returned unchanged. The result wraps err, has its kind and its RetryAfter, and its own
// Hint.
func (a *Auth) Explain(err error) error {
	var failed *git.Error
	if !errors.As(err, &failed) {
		return err
	}
	what, advice := a.explain(failed, cmp.Or(failed.URL, a.opts.URL))
	if what == "" {
		return err
	}
	if advice == "" {
		advice = failed.Hint()
	}
	return failure(what, err, advice)
}

// explain says what happened to the credentials for target; nothing if they are not the cause.
func (a *Auth) explain(failed *git.Error, target string) (what, advice string) {
	if path, local := localPath(target); local {
		return explainPath(path, failed.Kind)
	}
	switch failed.Kind {
	case git.KindUnsupported:
		if strings.Contains(failed.Stderr, "No user exists for uid") {
			return "ssh does not run for a UID without a name", noUserAdvice
		}
	case git.KindHostKey:
		return a.explainHost(failed.Stderr)
	case git.KindProxy:
		return a.explainProxy(target)
	case git.KindNetwork:
		return a.explainNoProxy(target)
	case git.KindAuth, git.KindRepoNotFound:
		if t, ok := parseSSH(target); ok {
			return a.explainKeys(failed, t)
		}
		if strings.HasPrefix(target, "git://") {
			return explainDaemon(target, failed)
		}
		return a.explainHTTP(failed, target)
	default:
	}
	return "", ""
}

// isOwn reports whether the failure is about the repository itself, and not about a submodule.
func (a *Auth) isOwn(failed *git.Error) bool {
	return failed.URL == "" || bareRemote(failed.URL) == bareRemote(a.opts.URL)
}

// bareRemote returns a remote's URL without user and password.
func bareRemote(raw string) string {
	if _, ok := scopeOf(raw); ok {
		return bareURL(raw)
	}
	return raw
}

// asked matches the host that wants a password:
//
//	fatal: could not read Username for 'https://host': terminal prompts disabled
//	fatal: Authentication failed for 'https://host/repo.git/'
var asked = regexp.MustCompile(`(?:could not read (?:Username|Password)|Authentication failed) for '([^']*)'`)

// explainHTTP says which password was missing or rejected.
func (a *Auth) explainHTTP(failed *git.Error, target string) (what, advice string) {
	s, ok := scopeOf(target)
	if m := asked.FindStringSubmatch(failed.Stderr); m != nil {
		if other, isHTTP := scopeOf(m[1]); isHTTP && other.base != s.base {
			what, s = bareURL(target)+" redirects to "+other.base+": ", other
			advice = "write the URL that it redirects to in --repo: a credential is for one host"
		}
	}
	if !ok {
		return "", ""
	}
	var tried []string
	for _, o := range a.offer.entries {
		if o.Base == s.base && (s.path == "" || below(o.Path, s.path)) {
			tried = append(tried, o.String())
		}
	}
	if a.offer.cookies != "" {
		tried = append(tried, "the cookies in "+a.offer.cookies)
	}
	list := strings.Join(tried, ", ")
	switch {
	case failed.Kind == git.KindRepoNotFound && list == "":
		what += "no such repository without a credential at " + s.base
		return what, cmp.Or(advice, a.giveCredential(failed, "check the URL; if the repository is private, "))
	case list == "":
		return what + "no credential is configured for " + s.base, cmp.Or(advice, a.giveCredential(failed, ""))
	case failed.Kind == git.KindRepoNotFound && a.isOwn(failed):
		return what + "no such repository for " + list, cmp.Or(advice, "check --repo, and that this user may read it")
	case failed.Kind == git.KindRepoNotFound:
		return what + "no such repository for " + list, "check that this user may read it, or " + a.giveCredential(failed, "")
	}
	return what + s.base + " refused " + list,
		"check that it is still valid and may read the repository; the next sync reads it again"
}

// giveCredential says with which options a remote gets a password.
func (a *Auth) giveCredential(failed *git.Error, before string) string {
	if a.isOwn(failed) {
		return before + "give --username and --password-file, --askpass-url or a GitHub App"
	}
	return before + "give a --credential for " + bareRemote(failed.URL)
}

// explainProxy names the proxy that rejected the connection.
func (a *Auth) explainProxy(target string) (what, advice string) {
	u, err := url.Parse(target)
	if err != nil {
		return "", ""
	}
	proxy, err := NewTransport(a.opts.Env, a.opts.GitConfig).proxy(u)
	if err != nil || proxy == nil {
		return "", ""
	}
	variable := "HTTPS_PROXY"
	if u.Scheme == "http" {
		variable = "http_proxy (in lower case)"
	}
	what = "the proxy " + proxy.Host + " refuses to connect us to " + u.Host
	if proxy.User == nil {
		return what, "if it wants a user and password, put them into " + variable + ": http://user:password@" + proxy.Host + "; to go without it, name " + u.Hostname() + " in NO_PROXY"
	}
	return what, "check the user and password in " + variable + ", and whether the proxy allows " + u.Host + "; to go without it, name " + u.Hostname() + " in NO_PROXY"
}

// explainNoProxy detects a proxy that git does not use for http URLs, because curl reads only the lower-case
// variable.
func (a *Auth) explainNoProxy(target string) (what, advice string) {
	if !strings.HasPrefix(target, "http://") || proc.Getenv(a.opts.Env, "HTTP_PROXY") == "" || proc.Getenv(a.opts.Env, "http_proxy") != "" {
		return "", ""
	}
	return "no proxy was used: for http:// URLs git reads only the lower-case http_proxy, but HTTP_PROXY is set", "set http_proxy as well"
}
