package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"git-sync/pkg/git"
	"git-sync/pkg/proc"
)

// sshPlan is the data that our executable needs to become ssh when git runs it instead of ssh. It is passed as JSON
// in git's environment.
type sshPlan struct {
	// Command is the user's own ssh program, or a shell command if Shell is set; empty: ssh.
	Command string `json:"command,omitempty"`
	Shell   bool   `json:"shell,omitempty"`
	// Options are inserted before git's arguments.
	Options []string `json:"options,omitempty"`
	// Keys are the options with the keys for hosts without a rule.
	Keys []string `json:"keys,omitempty"`
	// Rules have the keys of single repositories; the one with the longest path is used.
	Rules []sshRule `json:"rules,omitempty"`
	// Env is added to ssh's environment.
	Env []string `json:"env,omitempty"`
}

// sshRule has the key of one host or repository.
type sshRule struct {
	Target git.SSHAddress `json:"target"` // its path is canonical
	Keys   []string       `json:"keys"`
	key    sshKey
}

// becomeSSH replaces this process by ssh, with the plan's options before git's own. It returns only on error.
func becomeSSH(text string, environ, args []string) error {
	var plan sshPlan
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		return errors.New("$" + sshVariable + " is damaged")
	}
	argv := []string{cmp.Or(plan.Command, "ssh")}
	if plan.Shell {
		argv = []string{"sh", "-c", plan.Command + ` "$@"`, plan.Command}
	}
	path, err := proc.LookPath(argv[0], environ)
	if err != nil {
		return errors.New(argv[0] + " is not installed (nowhere in PATH); Debian: apt-get install openssh-client")
	}
	env := slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		return strings.HasPrefix(kv, credentialVariable+"=") || strings.HasPrefix(kv, sshVariable+"=")
	})
	keys := plan.Keys
	if rule, ok := plan.ruleFor(targetOf(args)); ok {
		keys = rule.Keys
	}
	argv = slices.Concat(argv, plan.Options, keys, args)
	if err := syscall.Exec(path, argv, append(env, plan.Env...)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// ruleFor returns the rule for a target; ok is false if there is none.
func (p *sshPlan) ruleFor(target git.SSHAddress) (rule sshRule, ok bool) {
	for _, r := range p.Rules {
		if covers(r.Target, target) && (!ok || len(r.Target.Path) > len(rule.Target.Path)) {
			rule, ok = r, true
		}
	}
	return rule, ok
}

// covers reports whether t includes target. Empty fields of t match everything.
func covers(t, target git.SSHAddress) bool {
	return strings.EqualFold(t.Host, target.Host) &&
		(t.User == "" || t.User == target.User) &&
		(t.Port == "" || t.Port == target.Port) &&
		below(t.Path, target.Path)
}

// targetOf parses the arguments with which git and git-lfs run ssh:
//
//	[-o SendEnv=GIT_PROTOCOL] [-4] [-p 2222] git@host "git-upload-pack '/org/repo.git'"
//	[-p 2222] [--] git@host "git-lfs-authenticate org/repo.git download"
func targetOf(args []string) git.SSHAddress {
	t := git.SSHAddress{Port: "22"}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		n := 1
		if (args[0] == "-p" || args[0] == "-o") && len(args) > 1 {
			n = 2
		}
		if args[0] == "-p" && n == 2 {
			t.Port = args[1]
		}
		args = args[n:]
	}
	if len(args) == 0 {
		return t
	}
	at := strings.LastIndexByte(args[0], '@')
	t.User, t.Host = args[0][:max(at, 0)], args[0][at+1:]
	command := strings.Join(args[1:], " ")
	_, operand, _ := strings.Cut(command, " ")
	if quoted, ok := strings.CutPrefix(operand, "'"); ok {
		operand, _, _ = strings.Cut(quoted, "'")
	} else {
		operand, _, _ = strings.Cut(operand, " ")
	}
	t.Path = canonicalPath(operand)
	return t
}

// parseSSH parses an ssh URL, with a canonical path; ok is false for any other URL.
func parseSSH(raw string) (t git.SSHAddress, ok bool) {
	t, ok = git.ParseSSH(raw)
	t.Path = canonicalPath(t.Path)
	return t, ok
}
