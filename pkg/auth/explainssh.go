package auth

import (
	"regexp"
	"strings"
	"time"

	"git-sync/pkg/git"
)

// explainHost distinguishes an unknown host from a host whose key has changed. ssh says
//
//	No ED25519 host key is known for [host]:2222 and you have requested strict checking.
//	@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
func (a *Auth) explainHost(stderr string) (what, advice string) {
	file := a.opts.SSHKnownHostsFile
	if a.offer.ssh.sshDefaults && !exists(file) {
		file = "the user's known_hosts"
	}
	if strings.Contains(stderr, "HOST IDENTIFICATION HAS CHANGED") || strings.Contains(stderr, "Offending ") {
		return "the ssh host's key differs from the one in " + file,
			"if the host's owner has published a new key, replace the old one in " + file + "; if not, the connection may be intercepted"
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

// keyscan returns the command that prints a host's keys. host is in ssh's form, [name]:port unless the port is 22.
func keyscan(host string) string {
	if name, port, ok := strings.Cut(strings.TrimPrefix(host, "["), "]:"); ok {
		return "ssh-keyscan -p " + port + " " + name
	}
	return "ssh-keyscan " + host
}

// keyRefused matches ssh's messages if no key was accepted:
//
//	git@host: Permission denied (publickey).
//	Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures
var keyRefused = regexp.MustCompile(`Permission denied \(|Too many authentication failures`)

// unknownHost matches the host in "No ED25519 host key is known for [127.0.0.1]:2222 and you have ...".
var unknownHost = regexp.MustCompile(`host key is known for (\S+) and`)

// explainKeys says what happened to the SSH keys that were offered for a URL.
func (a *Auth) explainKeys(failed *git.Error, target git.SSHAddress) (what, advice string) {
	offer := a.offer.ssh
	offered := offer.keys
	rule, own := offer.plan.ruleFor(target)
	if own {
		offered = []sshKey{rule.key}
	}
	var usable, others []string
	badCertificate := ""
	for _, k := range offered {
		if k.problem != "" {
			others = append(others, k.path+" "+k.problem)
			continue
		}
		usable = append(usable, k.String())
		if problem := k.certificateProblem(time.Now()); problem != "" {
			others = append(others, problem)
			badCertificate = k.path
		}
	}
	keys, skipped := strings.Join(usable, ", "), ""
	if len(others) > 0 {
		skipped = " (" + strings.Join(others, "; ") + ")"
	}
	switch {
	case !own && offer.userCommand:
		return "the ssh server refused what our environment's own ssh command offered", ""
	case !own && offer.sshDefaults:
		return "the ssh server refused us; no key was offered but the user's own" + skipped,
			"mount a private key at " + DefaultSSHKeyFile + ", or name it with --ssh-key-file"
	case failed.Kind == git.KindRepoNotFound:
		what = "no such repository for the SSH key "
	case keyRefused.MatchString(failed.Stderr) && badCertificate != "":
		return "the ssh server refused the SSH key " + keys + skipped,
			"have " + badCertificate + ".pub signed again, and check the clocks of this machine and the server; the certificate is read again for each sync"
	case keyRefused.MatchString(failed.Stderr):
		return "the ssh server refused the SSH key " + keys + skipped,
			"add its public half to the repository (deploy key) or the user, and check the user in the URL: most forges want git@"
	default:
		what = "the ssh server knows the SSH key, but refuses the repository: "
	}
	if a.isOwn(failed) {
		return what + keys + skipped,
			"check --repo, and that this key may read it: a deploy key is for one repository, and of several keys the server uses the first that it knows"
	}
	return what + keys + skipped,
		"a deploy key is for one repository: give " + bareRemote(failed.URL) + " a key of its own by --credential with ssh-key-file"
}
