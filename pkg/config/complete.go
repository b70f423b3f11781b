package config

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"git-sync/pkg/repo"
	"git-sync/pkg/syncer"
)

// complete fills in values that follow from others, and reports combinations that are not allowed.
func (d *draft) complete() {
	d.completeRef()
	d.completePlace()
	d.completeSchedule()
	d.exclude(rule{when: forHTTP(), other: []string{"ssh"}})
	d.dropHTTP()
	d.completeUser()
	for _, r := range exclusions() {
		d.exclude(r)
	}
	for _, r := range requirements() {
		d.require(r)
	}
	d.checkServers()
	d.hideSecrets()
}

// rule is about the options in when, and others that they exclude or require.
type rule struct {
	when, other []string
	text, hint  string
}

func exclusions() []rule {
	const keyVar, secretVar = "GITSYNC_GITHUB_APP_PRIVATE_KEY", "GITSYNC_RECEIVER_SECRET"
	return []rule{
		{when: []string{"ref-pattern", "ref-semver"}, other: []string{"ref"}},
		{when: []string{"ref-pattern", "ref-semver"}, other: []string{"rev"}},
		{when: []string{"password-file"}, other: []string{"password"}},
		{when: []string{"askpass-url"}, other: []string{"username"}},
		{when: []string{"github-app-private-key-file"}, other: []string{keyVar}},
		{when: []string{"github-app-client-id"}, other: []string{"github-app-application-id"}},
		{when: []string{"username", "password", "password-file", "askpass-url"}, other: githubApp()},
		{when: []string{"receiver-secret-file"}, other: []string{secretVar}},
	}
}

// forHTTP returns the credentials that only an http(s) server accepts, besides those of a GitHub App.
func forHTTP() []string {
	return []string{"username", "password", "password-file", "askpass-url", "cookie-file"}
}

func githubApp() []string {
	return []string{
		"github-app-private-key-file", "GITSYNC_GITHUB_APP_PRIVATE_KEY", "github-app-client-id", "github-app-application-id", "github-app-installation-id",
	}
}

func requirements() []rule {
	app := githubApp()
	return []rule{
		{nil, []string{"repo", "help"}, "is required", "add --repo=URL" + seeHelp},
		{[]string{"verify"}, []string{"verify-keyring", "verify-allowed-signers"}, "needs trusted keys", "add --verify-keyring (OpenPGP), --verify-allowed-signers (SSH), or both"},
		{[]string{"verify-keyring", "verify-allowed-signers"}, []string{"verify"}, "has no effect, because signatures are not verified", "add --verify=commit, tag or any"},
		{[]string{"username"}, []string{"password", "password-file"}, "needs a password", "add --password-file, or GITSYNC_PASSWORD in the environment"},
		{app, app[:2], "needs the App's private key", "add --github-app-private-key-file, or GITSYNC_GITHUB_APP_PRIVATE_KEY in the environment"},
		{app, app[2:4], "needs the ID of the App", "add --github-app-client-id"},
		{app, app[4:], "needs the ID of the installation", "add --github-app-installation-id, the number at the end of the URL of the installation's settings"},
		{[]string{"receiver-bind"}, []string{"receiver-secret-file", "GITSYNC_RECEIVER_SECRET"}, "needs a secret to verify deliveries", "add --receiver-secret-file, or GITSYNC_RECEIVER_SECRET in the environment"},
	}
}

// exclude reports each of r.when that is given together with one of r.other.
func (d *draft) exclude(r rule) {
	other, ok := d.given(r.other...)
	for _, id := range r.when {
		if name, both := d.given(id); ok && both {
			d.problem(name, "cannot be combined with "+other, "leave one of them out")
		}
	}
}

// require reports if any of r.when is given, but none of r.other; no r.when: always. A mistyped flag, which is a problem
// already, counts as given.
func (d *draft) require(r rule) {
	name, needed := d.given(r.when...)
	if r.when == nil {
		name, needed = d.named(r.other[0]), true
	}
	mistyped := slices.ContainsFunc(r.other, func(id string) bool { return slices.Contains(d.mistyped, id) })
	if _, ok := d.given(r.other...); needed && !ok && !mistyped {
		d.problem(name, r.text, r.hint)
	}
}

// completeRef combines --branch or --ref with --rev.
func (d *draft) completeRef() {
	refName, refGiven := d.given("ref")
	if d.Rev == "HEAD" {
		delete(d.from, "rev")
	}
	switch {
	case d.Rev == "HEAD" || d.Rev == d.Ref:
		d.Rev = ""
	case d.Rev != "" && (!refGiven || isFullHash(d.Rev)):
		d.Ref, d.Rev = d.Rev, ""
	case d.Rev != "" && isFullHash(d.Ref):
		d.problem(d.named("rev"), "cannot be combined with "+refName+", which is a full hash", "leave one of them out")
	}
	if isFullHash(d.Ref) {
		d.Ref = strings.ToLower(d.Ref)
	}
}

func (d *draft) completePlace() {
	if home := d.env["HOME"]; d.Root == "" && home != "" {
		d.Root = absolute(path.Join(home, "git"))
	} else if d.Root == "" {
		d.problem(d.named("root"), "is required, because HOME is not set", "add --root=DIR, or set GITSYNC_ROOT")
	}
	if in, ok := d.from["root"]; d.Name != "" && d.Root != "" && (!ok || in.origin != fromFile) {
		d.Root += "/" + d.Name // a value for all syncs is the parent directory of their roots
	}
	if d.Link == "" {
		d.Link = linkFromRepo(d.URL)
		if d.URL != "" && checkLink(d.Link) != nil {
			d.problem(d.named("link"), "is required, because "+d.named("repo")+" does not end with a usable name", "add --link=NAME, or set GITSYNC_LINK")
		}
	}
	_, d.LayoutAsked = d.given("worktree-layout")
	if in, ok := d.from["link"]; ok && !d.LayoutAsked && !in.v3 {
		d.Layout = repo.LayoutWorktrees
	}
}

// linkFromRepo returns the last part of a URL or path, unchanged: v3 and v4 keep a ".git" at its end, and consumers
// have that in their paths.
func linkFromRepo(repo string) string {
	if u, err := url.Parse(repo); err == nil && strings.Contains(repo, "://") {
		repo = u.Path
	}
	for _, part := range slices.Backward(strings.FieldsFunc(repo, func(r rune) bool { return r == '/' || r == ':' })) {
		if part != ".git" {
			return part
		}
	}
	return ""
}

func (d *draft) completeSchedule() {
	if _, ok := d.given("max-failures"); !ok && d.Name != "" && !d.OneTime {
		d.Loop.Budget = syncer.Budget{Unlimited: true} // one broken repository must not stop the others
	}
	if d.MaxStaleness > 0 && d.MaxStaleness < d.Loop.Period {
		d.warn("the staleness limit is shorter than the period, so /readyz fails between polls", "option", d.named("max-staleness"))
	}
}

// checkServers checks the options of the HTTP server and of the receiver.
func (d *draft) checkServers() {
	if d.HTTP.Bind == "" {
		d.warnUseless("ignoring options that need --http-bind", "http-metrics", "http-pprof")
	}
	switch {
	case d.Process.Receiver.Bind == "":
		d.warnUseless("ignoring options that need --receiver-bind", "receiver-path", "receiver-peers", "receiver-provider", "receiver-secret-file")
	case d.Process.Receiver.Bind == d.HTTP.Bind && isServed(d.Process.Receiver.Path):
		d.problem(d.named("receiver-path"), quoted(d.Process.Receiver.Path)+" is served by --http-bind at the same address", "choose another path or address")
	}
}

// warnUseless warns about options that have no effect, unless they were only turned off.
func (d *draft) warnUseless(msg string, ids ...string) {
	var given []string
	for _, id := range ids {
		if name, ok := d.given(id); ok {
			given = append(given, name+"="+d.from[id].value())
		}
	}
	if len(given) > 0 {
		d.warn(msg, "options", strings.Join(given, ", "))
	}
}

// isServed reports whether the server for operators uses this path.
func isServed(p string) bool {
	return slices.Contains([]string{"/", "/livez", "/healthz", "/readyz", "/status", "/metrics"}, p) || strings.HasPrefix(p, "/debug/")
}
