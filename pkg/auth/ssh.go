package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"git-sync/pkg/git"
)

// The paths at which Kubernetes manifests mount keys. When nothing is there, ssh is left to its own
// devices: an agent, or the user's own keys.
const (
	DefaultSSHKeyFile        = "/etc/git-secret/ssh"
	DefaultSSHKnownHostsFile = "/etc/git-secret/known_hosts"
)

// sshOffer is what one sync offers to ssh servers, for building the plan and for explaining a
// refusal.
type sshOffer struct {
	keys       []sshKey // all that were named
	rules      []keyRule
	natural    bool   // no key is configured: ssh uses what it finds
	untouched  bool   // and the user has an ssh command of their own
	knownHosts string // what is wrong with the known_hosts file; "" when nothing is
}

// keyRule is the key of a --credential.
type keyRule struct {
	target sshTarget
	key    sshKey
}

// prepareSSH inspects the keys and makes git run our executable in ssh's place. What is wrong with
// the keys for all hosts is an error only when the repository itself is reached by ssh: it may be
// that no submodule is. A key that is meant for one repository is asked for, and must be there.
func (a *Auth) prepareSSH() (sshOffer, git.Overlay, error) {
	offer := sshOffer{}
	for _, path := range a.opts.SSHKeyFiles {
		offer.keys = append(offer.keys, inspectKey(path))
	}
	offer.natural = noneConfigured(offer.keys)
	command, shell := a.ownSSH()
	if offer.natural && command != "" && !a.hasRules() {
		offer.untouched = true
		return offer, git.Overlay{}, nil
	}
	_, required := parseSSH(a.opts.URL)
	plan := sshPlan{Command: command, Shell: shell && shellQuote(command) != command, Options: []string{
		"-o", "BatchMode=yes",
		// A server that does not answer is noticed within 30 seconds.
		"-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=8", "-o", "ServerAliveCountMax=2",
	}}
	if err := a.addHostKeys(&plan, &offer); err != nil && required {
		return offer, git.Overlay{}, err
	}
	if err := a.addRules(&plan, &offer); err != nil {
		return offer, git.Overlay{}, err
	}
	if err := a.addKeys(&plan, offer); err != nil && required {
		return offer, git.Overlay{}, err
	}
	plan.Env = a.nameUser()
	text, err := json.Marshal(plan)
	if err != nil {
		return offer, git.Overlay{}, &Error{Op: "describing the SSH keys", Err: err}
	}
	return offer, git.Overlay{Env: []string{
		"GIT_SSH_COMMAND=" + shellQuote(a.opts.Self),
		"GIT_SSH_VARIANT=ssh", // or git would run us once more to find out
		sshVariable + "=" + string(text),
	}}, nil
}

// noneConfigured reports whether no key was asked for: only the default path is named, and nothing
// is there.
func noneConfigured(keys []sshKey) bool {
	for _, k := range keys {
		if k.path != DefaultSSHKeyFile || !k.missing {
			return false
		}
	}
	return true
}

// ownSSH is the ssh command that the user gave git, "" if there is none; shell: it is for a shell.
func (a *Auth) ownSSH() (command string, shell bool) {
	env := lookup(a.opts.Env)
	if command = env("GIT_SSH_COMMAND"); command != "" {
		return command, true
	}
	for _, kv := range slices.Backward(a.opts.GitConfig) {
		if strings.EqualFold(kv.Key, "core.sshCommand") && kv.Value != "" {
			return kv.Value, true
		}
	}
	return env("GIT_SSH"), false
}

// hasRules reports whether a --credential names an SSH key.
func (a *Auth) hasRules() bool {
	return slices.ContainsFunc(a.opts.Credentials, func(c Credential) bool { return c.SSHKeyFile != "" })
}

// addHostKeys says how ssh is to know hosts.
func (a *Auth) addHostKeys(plan *sshPlan, offer *sshOffer) error {
	if !a.opts.SSHKnownHosts {
		// LogLevel spares the log "Permanently added" at each sync.
		plan.Options = append(plan.Options, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
		return nil
	}
	plan.Options = append(plan.Options, "-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no")
	file := a.opts.SSHKnownHostsFile
	content, err := readSecret(file)
	if err != nil {
		if offer.natural && file == DefaultSSHKnownHostsFile && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		e := fileError("known_hosts file", file, err)
		e.Advice += "; or trust any host, which is unsafe, with --ssh-known-hosts=false"
		offer.knownHosts = e.Error()
		return e
	}
	if len(content) == 0 {
		offer.knownHosts = file + " is empty"
	}
	if strings.ContainsAny(file, "\"\\ \t%$~#'") { // which ssh would take apart
		if file, err = a.mem.put("known_hosts", content); err != nil {
			return &Error{Op: "handing over the known_hosts file", Err: err}
		}
	}
	plan.Options = append(plan.Options, "-o", "UserKnownHostsFile="+file)
	return nil
}

// addKeys offers all usable keys, or says why there is none.
func (a *Auth) addKeys(plan *sshPlan, offer sshOffer) error {
	if offer.natural {
		return nil
	}
	var problems []*Error
	for i, k := range offer.keys {
		if k.problem != "" {
			problems = append(problems, k.err())
			continue
		}
		options, err := a.keyOptions(fmt.Sprintf("key %d", i), k)
		if err != nil {
			return err
		}
		plan.Keys = append(plan.Keys, options...)
	}
	if len(plan.Keys) == 0 && len(problems) > 0 {
		return joinFirst(problems)
	}
	a.noteKeys(problems)
	plan.Keys = append(plan.Keys, "-o", "IdentitiesOnly=yes")
	return nil
}

// addRules gives the ssh entries of --credential their keys.
func (a *Auth) addRules(plan *sshPlan, offer *sshOffer) error {
	var problems []*Error
	for i, c := range a.opts.Credentials {
		target, ok := parseSSH(c.URL)
		if !ok {
			continue
		}
		k := inspectKey(c.SSHKeyFile)
		offer.rules = append(offer.rules, keyRule{target, k})
		if k.problem != "" {
			problems = append(problems, k.err())
			continue
		}
		options, err := a.keyOptions(fmt.Sprintf("credential %d", i), k)
		if err != nil {
			return err
		}
		plan.Rules = append(plan.Rules, sshRule{Target: target, Keys: append(options, "-o", "IdentitiesOnly=yes")})
	}
	return joinFirst(problems)
}

// certificateSuffix is what the name of a key's certificate has more than the key's.
const certificateSuffix = "-cert.pub"

// keyOptions names one key to ssh; slot tells its private copy from others.
func (a *Auth) keyOptions(slot string, k sshKey) ([]string, error) {
	if !k.private && !strings.ContainsAny(k.path, "%$~") {
		return []string{"-i", k.path}, nil
	}
	path, err := a.mem.put(slot, k.content)
	if err != nil {
		return nil, &Error{Op: "handing over the SSH key " + k.path, Err: err, Advice: "chmod 600 " + k.path}
	}
	options := []string{"-i", path}
	// ssh looks for a certificate beside the key, which is elsewhere now.
	if certificate := k.path + certificateSuffix; exists(certificate) && !strings.ContainsAny(certificate, "\"\\ \t%$~#'") {
		options = append(options, "-o", "CertificateFile="+certificate)
	}
	return options, nil
}

// noteKeys logs the keys that are passed over, when that changes.
func (a *Auth) noteKeys(problems []*Error) {
	text := strings.Join(texts(problems), "; ")
	if text != "" && text != a.noted {
		a.opts.Log.Info("some SSH keys cannot be used", "problems", texts(problems))
	}
	a.noted = text
}

// err is why a key cannot be used.
func (k sshKey) err() *Error {
	return failure("SSH key "+k.path, k.problem, k.advice)
}

// nameUser is what ssh's environment needs for our UID to have a name when it has none: ssh refuses to start without one ("No user exists
// for uid"). Where nss_wrapper is installed, ssh is shown a passwd file of ours, which changes
// nothing for anybody else; otherwise, and only if asked to, we add a line to /etc/passwd.
func (a *Auth) nameUser() []string {
	if hasPasswd(passwdFile, os.Getuid()) {
		return nil
	}
	line := passwdLine(lookup(a.opts.Env)("HOME"))
	if library := findWrapper(); library != "" {
		path, err := a.mem.put("passwd", []byte(line))
		if err == nil {
			return []string{"LD_PRELOAD=" + library, "NSS_WRAPPER_PASSWD=" + path, "NSS_WRAPPER_GROUP=/dev/null"}
		}
	}
	if !a.opts.AddUser {
		return nil // Explain tells, should ssh be needed
	}
	if err := appendPasswd(passwdFile, line); err != nil && !a.warned {
		a.warned = true
		a.opts.Log.Info("this UID has no name, and none could be added; ssh will not work",
			"uid", os.Getuid(), "error", err.Error(), "hint", noUserAdvice)
	}
	return nil
}

// noUserAdvice is the remedy for a UID without a name.
const noUserAdvice = "run as a UID that /etc/passwd names, install libnss-wrapper in the image, or use --add-user with a writable /etc/passwd"

// exists reports whether a path leads to something.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// shellQuote writes a path so that git, which runs GIT_SSH_COMMAND without a shell only if it holds
// nothing that a shell would care about, runs exactly it.
func shellQuote(path string) string {
	if !strings.ContainsAny(path, "|&;<>()$`\\\"' \t\n*?[#~=%") {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// joinFirst makes several problems into one error that has the first one's remedy.
func joinFirst(problems []*Error) error {
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return problems[0]
	}
	return failure(fmt.Sprintf("none of %d SSH keys can be used", len(problems)), strings.Join(texts(problems), "; "), problems[0].Advice)
}

func texts(problems []*Error) []string {
	var list []string
	for _, p := range problems {
		list = append(list, p.Error())
	}
	return list
}
