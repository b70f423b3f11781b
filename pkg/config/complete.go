package config

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"git-sync/pkg/repo"
	"git-sync/pkg/syncer"
)

// complete fills in what follows from the rest, and refuses what does not go together.
func (d *draft) complete() {
	d.completeRepo()
	d.completeRef()
	d.completePlace()
	d.completeSchedule()
	d.completeVerify()
	d.checkSSH()
	d.dropHTTP()
	d.completeUser()
	d.checkGitHub()
	d.checkServers()
	d.emptyMeansDefault()
}

// emptyMeansDefault puts the default back where a flag was given with nothing behind its =, as templates write it.
func (d *draft) emptyMeansDefault() {
	p, s := processDefaults(), syncDefaults()
	for _, f := range []struct{ at, preset *string }{
		{&d.Git, &p.Git},
		{&d.Webhook.Method, &s.Webhook.Method},
		{&d.Process.Receiver.Path, &p.Receiver.Path},
		{&d.Auth.SSHKnownHostsFile, &s.Auth.SSHKnownHostsFile},
		{&d.Auth.GitHub.BaseURL, &s.Auth.GitHub.BaseURL},
	} {
		if *f.at == "" {
			*f.at = *f.preset
		}
	}
}

func (d *draft) completeRepo() {
	if _, ok := d.isSet("repo"); !ok {
		hint := "name the repository: --repo=URL, or GITSYNC_REPO"
		if d.at != "" {
			hint = "name the repository: repo: URL"
		}
		d.problem(d.named("repo"), "is required", hint)
	}
}

// completeRef settles what --branch or --ref, --rev and the patterns mean together.
func (d *draft) completeRef() {
	refName, refGiven := d.isSet("ref")
	revName, revGiven := d.isSet("rev")
	switch {
	case d.Rev == "HEAD" || d.Rev == d.Ref:
		revGiven = revGiven && d.Rev != "HEAD"
		d.Rev = ""
	case d.Rev != "" && (!refGiven || isFullHash(d.Rev)):
		d.Ref, d.Rev = d.Rev, ""
	case d.Rev != "" && isFullHash(d.Ref):
		d.problem(revName, "cannot be combined with "+refName+", which is a full hash", "leave one of them out")
	}
	if d.Ref == "" {
		d.Ref = "HEAD"
	}
	if isFullHash(d.Ref) {
		d.Ref = strings.ToLower(d.Ref)
	}
	pattern, following := d.isSet("ref-pattern", "ref-semver")
	if following && refGiven {
		d.problem(pattern, "cannot be combined with "+refName, "leave one of them out")
	}
	if following && revGiven {
		d.problem(pattern, "cannot be combined with "+revName, "leave one of them out")
	}
}

func (d *draft) completePlace() {
	if d.Root == "" {
		home := d.env["HOME"]
		if home == "" {
			d.problem(d.named("root"), "is required, because HOME is not set", "choose a directory: --root=DIR, or GITSYNC_ROOT")
		} else {
			d.Root = path.Join(home, "git")
		}
	}
	if in, ok := d.from["root"]; d.Name != "" && d.Root != "" && (!ok || in.origin != fromFile) {
		d.Root += "/" + d.Name // what is given for all is the directory of all roots
	}
	if d.Link == "" {
		d.Link = linkFromRepo(d.Repo)
		if d.Repo != "" && checkLink(d.Link) != nil {
			d.problem(d.named("link"), "is required, because "+d.repoName()+" does not end with a usable name", "name the link: --link=NAME, or GITSYNC_LINK")
		}
	}
	if in, ok := d.from["link"]; ok && in.value() != "" {
		if _, chosen := d.from["worktree-layout"]; !chosen && !in.v3 {
			d.Layout = repo.LayoutWorktrees
		}
	}
}

func (d *draft) repoName() string {
	name, _ := d.given("repo")
	return name
}

// linkFromRepo is the last part of a URL or path, as it stands: both older
// generations keep a ".git" at its end, and consumers have that in their paths.
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
	if _, ok := d.given("init-period"); !ok {
		d.InitPeriod = d.Period
	}
	if _, ok := d.given("max-failures"); !ok && d.Name != "" && !d.OneTime {
		d.Budget = syncer.Budget{Unlimited: true} // one broken repository does not stop the others
	}
	if _, ok := d.given("init-max-failures"); !ok {
		d.InitBudget = d.Budget
	}
	if d.MaxStaleness > 0 && d.MaxStaleness < d.Period {
		name, _ := d.given("max-staleness")
		d.warn("the staleness limit is shorter than the period, so /readyz fails between polls", "option", name)
	}
}

func (d *draft) completeVerify() {
	keys, given := d.isSet("verify-keyring", "verify-allowed-signers")
	on := d.Verify != repo.VerifyOff
	name, _ := d.given("verify")
	if on && !given {
		d.problem(name, "needs to know whom to trust", "give --verify-keyring (OpenPGP), --verify-allowed-signers (SSH), or both")
	}
	if name == "" && given {
		d.problem(keys, "does nothing without --verify", "add --verify=commit, tag or any")
	}
}

// checkServers looks at what listens.
func (d *draft) checkServers() {
	if d.HTTP.Bind == "" {
		d.warnUseless("ignoring options that need --http-bind", "http-metrics", "http-pprof")
	}
	_, secret := d.isSet("GITSYNC_RECEIVER_SECRET")
	file, secretFile := d.isSet("receiver-secret-file")
	bind, on := d.isSet("receiver-bind")
	switch {
	case secret && secretFile:
		d.problem(file, "cannot be combined with GITSYNC_RECEIVER_SECRET", "leave one of them out")
	case on && !secret && !secretFile:
		d.problem(bind, "needs a secret, or anybody could post", "give --receiver-secret-file, or GITSYNC_RECEIVER_SECRET in the environment")
	}
	if !on {
		d.warnUseless("ignoring options that need --receiver-bind", "receiver-path", "receiver-provider", "receiver-secret-file")
	}
	if on && d.Process.Receiver.Bind == d.HTTP.Bind && isServed(d.Process.Receiver.Path) {
		d.problem(d.named("receiver-path"), quoted(d.Process.Receiver.Path)+" is served by --http-bind at the same address", "choose another path or address")
	}
}

// warnUseless warns about those of the rows that were given, and not only to be turned off.
func (d *draft) warnUseless(msg string, ids ...string) {
	var given []string
	for _, id := range ids {
		in := d.from[id]
		if on, err := strconv.ParseBool(in.value()); in.value() != "" && (on || err != nil) {
			given = append(given, in.label+"="+in.value())
		}
	}
	if len(given) > 0 {
		d.warn(msg, "options", strings.Join(given, ", "))
	}
}

// isServed says whether the server for operators has this path itself.
func isServed(p string) bool {
	return slices.Contains([]string{"/", "/livez", "/healthz", "/readyz", "/status", "/metrics"}, p) || strings.HasPrefix(p, "/debug/")
}
