package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
	"git-sync/pkg/proc"
)

// The default paths in Kubernetes manifests. If there is no key at the default path, ssh uses its own defaults: an
// agent, or the user's own keys.
const (
	DefaultSSHKeyFile        = "/etc/git-secret/ssh"
	DefaultSSHKnownHostsFile = "/etc/git-secret/known_hosts"
)

// sshOffer is what one sync offers to ssh servers. It is used to explain a rejection.
type sshOffer struct {
	plan        sshPlan
	keys        []sshKey // all configured keys, for servers without a rule in the plan
	sshDefaults bool     // no key is configured: ssh uses its own defaults
	userCommand bool     // also, the user has set an ssh command
	knownHosts  string   // what is wrong with the known_hosts file; "" if nothing is
}

// prepareSSH checks the keys, and makes git run our executable instead of ssh. It returns the environment variables
// for that. A problem with the keys for all hosts is an error only if the repository itself has an ssh URL, because
// there may be no submodule with one. A problem with a key for one repository is always an error.
func (a *Auth) prepareSSH() ([]string, error) {
	offer := &a.offer.ssh
	offer.sshDefaults = true
	for _, path := range a.opts.SSHKeyFiles {
		k := inspectKey(path)
		offer.keys = append(offer.keys, k)
		offer.sshDefaults = offer.sshDefaults && k.missing && path == DefaultSSHKeyFile
	}
	forOneRepository := slices.ContainsFunc(a.opts.Credentials, func(c Credential) bool { return c.SSHKeyFile != "" })
	command, shell := a.ownSSH()
	if offer.sshDefaults && command != "" && !forOneRepository {
		offer.userCommand = true
		return nil, nil
	}
	_, required := git.ParseSSH(a.opts.URL)
	offer.plan = sshPlan{Command: command, Shell: shell && shellQuote(command) != command, Options: []string{
		"-o", "BatchMode=yes",
		// Detect a dead server within 30 seconds.
		"-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=8", "-o", "ServerAliveCountMax=2",
	}}
	if err := a.addHostKeys(offer); err != nil && required {
		return nil, err
	}
	if err := a.addRules(&offer.plan); err != nil {
		return nil, err
	}
	if err := a.addKeys(offer); err != nil && required {
		return nil, err
	}
	offer.plan.Env = a.nameUser()
	text, _ := json.Marshal(offer.plan) // cannot fail for texts
	return []string{
		"GIT_SSH_COMMAND=" + shellQuote(a.opts.Self),
		"GIT_SSH_VARIANT=ssh", // otherwise git runs us once more to detect the variant
		sshVariable + "=" + string(text),
	}, nil
}

// ownSSH returns the user's ssh command for git; "" if there is none. shell says that a shell must run it.
func (a *Auth) ownSSH() (command string, shell bool) {
	if command = proc.Getenv(a.opts.Env, "GIT_SSH_COMMAND"); command != "" {
		return command, true
	}
	for _, kv := range slices.Backward(a.opts.GitConfig) {
		if strings.EqualFold(kv.Key, "core.sshCommand") && kv.Value != "" {
			return kv.Value, true
		}
	}
	return proc.Getenv(a.opts.Env, "GIT_SSH"), false
}

// special has the characters that ssh interprets in a path.
const special = "\"\\ \t%$~#'"

// addHostKeys sets how ssh verifies hosts.
func (a *Auth) addHostKeys(offer *sshOffer) error {
	options := &offer.plan.Options
	if !a.opts.SSHKnownHosts {
		// LogLevel suppresses the message "Permanently added" in each sync.
		*options = append(*options, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
		return nil
	}
	*options = append(*options, "-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no")
	file := a.opts.SSHKnownHostsFile
	content, err := readSecret(file)
	if err != nil {
		if offer.sshDefaults && file == DefaultSSHKnownHostsFile && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		err = fileError("known_hosts file", file, err)
		offer.knownHosts = err.Error()
		return advice.With(err, advice.Hint(err)+"; or trust any host, which is unsafe, with --ssh-known-hosts=false")
	}
	if len(content) == 0 {
		offer.knownHosts = file + " is empty"
	}
	if strings.ContainsAny(file, special) {
		if file, err = a.mem.put("known_hosts", content); err != nil {
			return failure("handing over the known_hosts file", err, "")
		}
	}
	*options = append(*options, "-o", "UserKnownHostsFile="+file)
	return nil
}

// addKeys offers all usable keys. If there are none, it returns an error.
func (a *Auth) addKeys(offer *sshOffer) error {
	if offer.sshDefaults {
		return nil
	}
	for i, k := range offer.keys {
		if k.problem != "" {
			continue
		}
		options, err := a.keyOptions(fmt.Sprintf("key %d", i), k)
		if err != nil {
			return err
		}
		offer.plan.Keys = append(offer.plan.Keys, options...)
	}
	problems, err := unusable(offer.keys)
	if err != nil && len(offer.plan.Keys) == 0 {
		return err
	}
	if text := strings.Join(problems, "; "); text != a.noted {
		a.noted = text
		if text != "" {
			a.opts.Log.Error(nil, "SSH keys unusable", "problems", problems)
		}
	}
	offer.plan.Keys = append(offer.plan.Keys, "-o", "IdentitiesOnly=yes")
	return nil
}

// addRules adds the keys of --credential for ssh URLs.
func (a *Auth) addRules(plan *sshPlan) error {
	var keys []sshKey
	for i, c := range a.opts.Credentials {
		target, ok := parseSSH(c.URL)
		if !ok {
			continue
		}
		k := inspectKey(c.SSHKeyFile)
		keys = append(keys, k)
		rule := sshRule{Target: target, key: k}
		if k.problem == "" {
			options, err := a.keyOptions(fmt.Sprintf("credential %d", i), k)
			if err != nil {
				return err
			}
			rule.Keys = append(options, "-o", "IdentitiesOnly=yes")
		}
		plan.Rules = append(plan.Rules, rule)
	}
	_, err := unusable(keys)
	return err
}

// keyOptions returns the ssh options for one key. slot identifies its private copy.
func (a *Auth) keyOptions(slot string, k sshKey) ([]string, error) {
	if !k.private && !strings.ContainsAny(k.path, "%$~") {
		return []string{"-i", k.path}, nil
	}
	path, err := a.mem.put(slot, k.content)
	if err != nil {
		return nil, failure("handing over the SSH key "+k.path, err, "chmod 600 "+k.path)
	}
	options := []string{"-i", path}
	// ssh looks for a certificate beside the key, but the copy is elsewhere.
	if certificate := k.certificate(); exists(certificate) && !strings.ContainsAny(certificate, special) {
		options = append(options, "-o", "CertificateFile="+certificate)
	}
	return options, nil
}

// unusable returns the problem of each key that cannot be used, and all of them as one error.
func unusable(keys []sshKey) (problems []string, err error) {
	for _, k := range keys {
		if k.problem != "" {
			e := failure("SSH key "+k.path, errors.New(k.problem), k.advice)
			problems = append(problems, e.Error())
			err = cmp.Or(err, e)
		}
	}
	if len(problems) > 1 {
		err = failure(fmt.Sprintf("none of %d SSH keys can be used", len(problems)), errors.New(strings.Join(problems, "; ")), advice.Hint(err))
	}
	return problems, err
}

// nameUser returns the variables that give our UID a name if it has none. ssh does not start without one ("No user
// exists for uid"). If nss_wrapper is installed, ssh gets a passwd file of ours, which affects no other program.
// Otherwise, only with AddUser, it adds a line to /etc/passwd.
func (a *Auth) nameUser() []string {
	if hasPasswd(passwdFile, os.Getuid()) {
		return nil
	}
	line := passwdLine(proc.Getenv(a.opts.Env, "HOME"))
	if library := findWrapper(); library != "" {
		path, err := a.mem.put("passwd", []byte(line))
		if err == nil {
			return []string{"LD_PRELOAD=" + library, "NSS_WRAPPER_PASSWD=" + path, "NSS_WRAPPER_GROUP=/dev/null"}
		}
	}
	if !a.opts.AddUser {
		return nil // if ssh is needed, Explain reports this
	}
	if err := appendPasswd(passwdFile, line); err != nil && !a.warned {
		a.warned = true
		a.opts.Log.Error(err, "cannot add this UID to /etc/passwd", "uid", os.Getuid(), "hint", noUserAdvice)
	}
	return nil
}

// noUserAdvice is the hint for a UID without a name.
const noUserAdvice = "run as a UID that /etc/passwd names, install libnss-wrapper in the image, or use --add-user with a writable /etc/passwd"

// exists reports whether a path exists, and follows symlinks.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// shellQuote quotes a path for GIT_SSH_COMMAND. git runs it without a shell only if it contains no special
// characters.
func shellQuote(path string) string {
	if !strings.ContainsAny(path, "|&;<>()$`\\\"' \t\n*?[#~=%") {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
