package auth

import (
	"errors"
	"regexp"
	"strings"

	"git-sync/pkg/git"
)

// Explain adds to a failure of git's what the last Refresh had offered the server, so that a refused
// key differs from a missing one, a wrong password from a missing one, an unknown host from one that
// changed. Errors that credentials have nothing to do with are returned unchanged. The result wraps
// err, has its kind and its RetryAfter, and a Hint of its own. What is otherwise kept from sync to
// sync is found out anew by the Refresh that follows a failure.
func (a *Auth) Explain(err error) error {
	if err == nil {
		return nil
	}
	a.user = nil
	var failed *git.Error
	if !errors.As(err, &failed) {
		return err
	}
	what, advice := "", ""
	switch {
	case strings.Contains(failed.Stderr, "No user exists for uid"):
		what, advice = "ssh does not run for a UID without a name", noUserAdvice
	case failed.Kind == git.KindHostKey:
		what, advice = a.explainHost(failed.Stderr)
	case failed.Kind == git.KindAuth || failed.Kind == git.KindRepoNotFound:
		what, advice = a.explainRefusal(failed)
	case (failed.Kind == git.KindNetwork || failed.Kind == git.KindDenied) && unread(failed):
		// What git says of a local file that is no repository. It says the same
		// of a connection that was lost, which explainPath leaves alone.
		what, advice = explainPath(a.opts.URL)
	}
	if what == "" {
		return err
	}
	if advice == "" {
		advice = failed.Hint()
	}
	return &Error{Op: what, Advice: advice, After: failed.After, Err: err}
}

// explainHost tells a host that is unknown from one that is another than before. ssh says
//
//	No ED25519 host key is known for [host]:2222 and you have requested strict checking.
//	@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
func (a *Auth) explainHost(stderr string) (what, advice string) {
	file := a.opts.SSHKnownHostsFile
	if a.offer.ssh.natural && !exists(file) {
		file = "the user's known_hosts"
	}
	if strings.Contains(stderr, "HOST IDENTIFICATION HAS CHANGED") || strings.Contains(stderr, "Offending ") {
		return "the ssh host's key is another than the one in " + file,
			"if the host's owner has published a new key, replace the old one in " + file + "; if not, somebody may be in between"
	}
	host := "HOST"
	if m := regexp.MustCompile(unknownHost).FindStringSubmatch(stderr); m != nil {
		host = m[1]
	}
	what = "the ssh host " + host + " is not in " + file
	if a.offer.ssh.knownHosts != "" {
		what += " (" + a.offer.ssh.knownHosts + ")"
	}
	return what, "add the line that " + keyscan(host) + " prints to " + file + ", after comparing it with what the host's owner publishes"
}

// keyscan is the command that prints a host's keys; host is as ssh writes it, [name]:port unless the
// port is 22.
func keyscan(host string) string {
	if name, port, ok := strings.Cut(strings.TrimPrefix(host, "["), "]:"); ok {
		return "ssh-keyscan -p " + port + " " + name
	}
	return "ssh-keyscan " + host
}

// These find what is unknown in ssh's and git's messages:
//
//	No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict checking.
//	fatal: could not read Username for 'https://host': terminal prompts disabled
//	fatal: Authentication failed for 'https://host/repo.git/'
//	git@host: Permission denied (publickey).
//	ERROR: Repository not found.
const (
	unknownHost = `host key is known for (\S+) and`
	askedFor    = `(?:could not read (?:Username|Password)|Authentication failed) for '([^']*)'`
	sshRefused  = `Permission denied \(|ERROR: Repository not found`
)

// unread reports whether git could not read from the remote, which it says of every transport but
// HTTP: ssh, git:// and a path on this machine.
func unread(failed *git.Error) bool {
	return strings.Contains(failed.Stderr, "Could not read from remote repository")
}

// explainRefusal names what was offered to the server that refused.
func (a *Auth) explainRefusal(failed *git.Error) (what, advice string) {
	asked := regexp.MustCompile(askedFor).FindStringSubmatch(failed.Stderr)
	_, ssh := parseSSH(a.opts.URL)
	switch {
	case asked != nil:
		return a.explainHTTP(asked[1], failed)
	case regexp.MustCompile(sshRefused).MatchString(failed.Stderr) || ssh:
		return a.explainKeys(failed)
	case strings.HasPrefix(a.opts.URL, "git://"):
		return explainDaemon(a.opts.URL, failed)
	}
	if _, local := localPath(a.opts.URL); local {
		return explainPath(a.opts.URL)
	}
	if unread(failed) {
		return "", "" // of a submodule that is not reached by HTTP: git's own words name it
	}
	return a.explainHTTP(a.opts.URL, failed)
}

// explainKeys says what became of the SSH keys.
func (a *Auth) explainKeys(failed *git.Error) (what, advice string) {
	offer := a.offer.ssh
	var usable, others []string
	for _, k := range offer.keys {
		if k.state == keyUsable {
			usable = append(usable, k.String())
		} else {
			others = append(others, k.path+" "+k.problem)
		}
	}
	aside := ""
	if len(others) > 0 {
		aside = " (" + strings.Join(others, "; ") + ")"
	}
	switch {
	case offer.untouched:
		return "the ssh server refused what our environment's own ssh command offered", ""
	case offer.natural:
		return "the ssh server refused us; no key was offered but the user's own" + aside,
			"mount a private key at " + DefaultSSHKeyFile + ", or name it with --ssh-key-file"
	case failed.Kind == git.KindRepoNotFound:
		return "no such repository for the SSH key " + strings.Join(usable, ", ") + aside,
			"check --repo, and that this key may read it: a deploy key opens one repository only, and of several keys the server takes the first that it knows"
	}
	return "the ssh server refused the SSH key " + strings.Join(usable, ", ") + aside,
		"add its public half to the repository (deploy key) or the user, and check the user in --repo: most forges want git@"
}

// explainHTTP says what became of the password.
func (a *Auth) explainHTTP(target string, failed *git.Error) (what, advice string) {
	s, ok := scopeOf(target)
	if !ok {
		return "", ""
	}
	var tried []string
	for _, o := range a.offer.entries {
		if o.Base == s.base && below(o.Path, s.path) || o.Base == s.base && s.path == "" {
			tried = append(tried, o.String())
		}
	}
	if a.offer.cookies != "" {
		tried = append(tried, "the cookies in "+a.offer.cookies)
	}
	switch {
	case len(tried) == 0 && failed.Kind == git.KindRepoNotFound:
		return "no such repository for somebody without a credential at " + s.base, ""
	case len(tried) == 0:
		return "no credential is configured for " + s.base,
			"give --username and --password-file, --askpass-url or a GitHub App for the repository's own host, and --credential for the hosts of submodules"
	}
	list := strings.Join(tried, ", ")
	if failed.Kind == git.KindRepoNotFound {
		return "no such repository for " + list, "check --repo, and that this user may read it"
	}
	return s.base + " refused " + list, "check that it is still valid and may read the repository; it is read anew and offered again at the next sync"
}
