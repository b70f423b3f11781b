package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// sshPlan is what our executable, run by git in ssh's place, needs to become ssh. It travels as JSON
// in git's environment.
type sshPlan struct {
	// Command is the user's own ssh: a program, or for Shell a command; empty: ssh.
	Command string `json:"command,omitempty"`
	Shell   bool   `json:"shell,omitempty"`
	// Options come before everything that git gives.
	Options []string `json:"options,omitempty"`
	// Keys are the options that name the keys for hosts without a rule.
	Keys []string `json:"keys,omitempty"`
	// Rules give some repositories keys of their own; the one with the longest path wins.
	Rules []sshRule `json:"rules,omitempty"`
	// Env is added to ssh's environment.
	Env []string `json:"env,omitempty"`
}

// sshRule gives the keys of one host or repository.
type sshRule struct {
	Target sshTarget `json:"target"`
	Keys   []string  `json:"keys"`
}

// sshTarget is where an ssh URL, or a command line of git's, leads.
type sshTarget struct {
	User string `json:"user,omitempty"`
	Host string `json:"host"`
	Port string `json:"port,omitempty"`
	Path string `json:"path,omitempty"`
}

// becomeSSH replaces this process by ssh, with the plan's options before git's own. It returns only
// when that is impossible.
func becomeSSH(environ, args []string) error {
	var plan sshPlan
	getenv := lookup(environ)
	if err := json.Unmarshal([]byte(getenv(sshVariable)), &plan); err != nil {
		return errors.New("$" + sshVariable + " is damaged")
	}
	path, argv, err := plan.program(getenv("PATH"))
	if err != nil {
		return err
	}
	env := slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		return strings.HasPrefix(kv, askpassVariable+"=") || strings.HasPrefix(kv, sshVariable+"=")
	})
	argv = slices.Concat(argv, plan.Options, plan.keysFor(targetOf(args)), args)
	if err := syscall.Exec(path, argv, append(env, plan.Env...)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// program is what to run in place of ssh, and how its arguments begin.
func (p *sshPlan) program(path string) (file string, argv []string, err error) {
	if p.Shell {
		file, err = findProgram("sh", path)
		return file, []string{"sh", "-c", p.Command + ` "$@"`, p.Command}, err
	}
	name := cmp.Or(p.Command, "ssh")
	if strings.Contains(name, "/") {
		return name, []string{name}, nil
	}
	file, err = findProgram(name, path)
	return file, []string{name}, err
}

// keysFor chooses the keys for a target.
func (p *sshPlan) keysFor(t sshTarget) []string {
	keys, longest := p.Keys, -1
	for _, r := range p.Rules {
		if len(r.Target.Path) > longest && r.Target.covers(t) {
			keys, longest = r.Keys, len(r.Target.Path)
		}
	}
	return keys
}

// covers reports whether the other target lies within t; what t leaves open fits anything.
func (t sshTarget) covers(o sshTarget) bool {
	return strings.EqualFold(t.Host, o.Host) &&
		(t.User == "" || t.User == o.User) &&
		(t.Port == "" || t.Port == o.Port) &&
		below(t.Path, o.Path)
}

// targetOf understands how git and git-lfs call ssh:
//
//	[-o SendEnv=GIT_PROTOCOL] [-4] [-p 2222] git@host "git-upload-pack '/org/repo.git'"
//	[-p 2222] [--] git@host "git-lfs-authenticate org/repo.git download"
func targetOf(args []string) sshTarget {
	t := sshTarget{Port: "22"}
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
	t.User, t.Host = cutLogin(args[0])
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

// cutLogin splits user@host.
func cutLogin(s string) (user, host string) {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}

// parseSSH understands ssh://[user@]host[:port]/path and [user@]host:path; ok is false for any other
// URL. A port that is not given is left empty.
func parseSSH(raw string) (t sshTarget, ok bool) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		login, path, ok := strings.Cut(raw, ":")
		if !ok || login == "" || strings.Contains(login, "/") {
			return sshTarget{}, false
		}
		if bracketed, after, isIPv6 := strings.Cut(raw, "]:"); isIPv6 {
			login, path = strings.Replace(bracketed, "[", "", 1), after
		}
		t.User, t.Host = cutLogin(login)
		t.Path = canonicalPath(path)
		return t, t.Host != ""
	}
	if scheme != "ssh" && scheme != "git+ssh" && scheme != "ssh+git" {
		return sshTarget{}, false
	}
	authority, path, _ := strings.Cut(rest, "/")
	t.User, t.Host = cutLogin(authority)
	if bracketed, after, isIPv6 := strings.Cut(t.Host, "]"); isIPv6 {
		t.Host, t.Port = strings.TrimPrefix(bracketed, "["), strings.TrimPrefix(after, ":")
	} else {
		t.Host, t.Port, _ = strings.Cut(t.Host, ":")
	}
	t.Path = canonicalPath(path)
	return t, t.Host != ""
}

// findProgram looks a program up in a PATH.
func findProgram(name, path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if dir == "" {
			continue
		}
		file := filepath.Join(dir, name)
		if fi, err := os.Stat(file); err == nil && fi.Mode().IsRegular() && fi.Mode().Perm()&0o111 != 0 {
			return file, nil
		}
	}
	return "", errors.New(name + " is not installed (nowhere in PATH); Debian: apt-get install openssh-client")
}
