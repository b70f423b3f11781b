package auth

import (
	"regexp"
	"strings"

	"git-sync/pkg/git"
)

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
	if m := unknownHost.FindStringSubmatch(stderr); m != nil {
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

// keyRefused finds what ssh says when no key was accepted:
//
//	git@host: Permission denied (publickey).
//	Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures
var keyRefused = regexp.MustCompile(`Permission denied \(|Too many authentication failures`)

// unknownHost finds the host in "No ED25519 host key is known for [127.0.0.1]:2222 and you have ...".
var unknownHost = regexp.MustCompile(`host key is known for (\S+) and`)

// explainKeys says what became of the SSH keys that were offered for a URL.
func (a *Auth) explainKeys(failed *git.Error, target sshTarget) (what, advice string) {
	offer := a.offer.ssh
	offered, own := offer.keysFor(target)
	var usable, others []string
	for _, k := range offered {
		if k.problem == "" {
			usable = append(usable, k.String())
		} else {
			others = append(others, k.path+" "+k.problem)
		}
	}
	keys, skipped := strings.Join(usable, ", "), ""
	if len(others) > 0 {
		skipped = " (" + strings.Join(others, "; ") + ")"
	}
	switch {
	case !own && offer.untouched:
		return "the ssh server refused what our environment's own ssh command offered", ""
	case !own && offer.natural:
		return "the ssh server refused us; no key was offered but the user's own" + skipped,
			"mount a private key at " + DefaultSSHKeyFile + ", or name it with --ssh-key-file"
	case failed.Kind == git.KindRepoNotFound:
		what = "no such repository for the SSH key "
	case keyRefused.MatchString(failed.Stderr):
		return "the ssh server refused the SSH key " + keys + skipped,
			"add its public half to the repository (deploy key) or the user, and check the user in the URL: most forges want git@"
	default:
		what = "the ssh server knows the SSH key, but refuses the repository: "
	}
	if a.isOwn(failed) {
		return what + keys + skipped,
			"check --repo, and that this key may read it: a deploy key opens one repository only, and of several keys the server takes the first that it knows"
	}
	return what + keys + skipped,
		"a deploy key opens one repository only: give " + bareRemote(failed.URL) + " a key of its own by --credential with ssh-key-file"
}

// keysFor returns the keys that are offered for a repository; own: because a --credential names it.
func (o sshOffer) keysFor(target sshTarget) (keys []sshKey, own bool) {
	keys, longest := o.keys, -1
	for _, r := range o.rules {
		if len(r.target.Path) > longest && r.target.covers(target) {
			keys, longest = []sshKey{r.key}, len(r.target.Path)
		}
	}
	return keys, longest >= 0
}
