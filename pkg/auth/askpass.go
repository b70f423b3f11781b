package auth

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The variables by which Refresh speaks to our own executable when git runs it. Both are in the
// environment of git's processes alone.
const (
	askpassVariable = "GITSYNC_INTERNAL_ASKPASS" // JSON: []entry
	sshVariable     = "GITSYNC_INTERNAL_SSH"     // JSON: sshPlan
)

// Helper is what main calls before anything else: when git runs our own executable, as its
// GIT_ASKPASS or its GIT_SSH_COMMAND, it does that work. handled is false when this process is not
// such a helper. environ is the process's whole environment and args its arguments without
// argv[0]. As ssh it does not return, save for an error: the process becomes ssh.
func Helper(environ, args []string, stdout, stderr io.Writer) (code int, handled bool) {
	getenv := lookup(environ)
	// git gives askpass its prompt alone, and ssh a host and a command at least.
	switch {
	case len(args) == 1 && getenv(askpassVariable) != "":
		return Askpass(getenv, args, stdout), true
	case len(args) > 1 && getenv(sshVariable) != "":
		err := becomeSSH(environ, args)
		return complain(stderr, "cannot run ssh: "+err.Error(), 127), true
	case getenv(askpassVariable) != "" || getenv(sshVariable) != "":
		return complain(stderr, "run by git as a helper, with arguments that make no sense", 1), true
	}
	return 0, false
}

// complain tells git's user, through git's stderr, and gives the exit code.
func complain(stderr io.Writer, text string, code int) int {
	if _, err := fmt.Fprintln(stderr, "git-sync:", text); err != nil {
		return code // nobody listens
	}
	return code
}

// Askpass answers one prompt of git's from the environment that Refresh made, and gives the exit
// code: 0 after an answer, 1 without one, upon which git reports that it has no credential for the
// URL. It prints nothing but the answer.
func Askpass(getenv func(string) string, args []string, stdout io.Writer) int {
	var entries []entry
	if len(args) != 1 || json.Unmarshal([]byte(getenv(askpassVariable)), &entries) != nil {
		return 1
	}
	p, ok := parsePrompt(args[0])
	if !ok {
		return 1
	}
	e, ok := find(entries, p)
	if !ok {
		return 1
	}
	answer := e.User
	if p.wantsPassword {
		answer = e.Pass
	}
	if _, err := fmt.Fprintln(stdout, answer); err != nil {
		return 1
	}
	return 0
}

// prompt is a question of git's, or of git-lfs's.
type prompt struct {
	wantsPassword bool
	target        string // as printed: scheme://[user@]host[:port][/path]
}

// parsePrompt understands, in the C locale:
//
//	Username for 'https://host':
//	Password for 'https://user@host:8443/path.git':
//	Username for "https://host"
//
// The last is git-lfs's.
func parsePrompt(s string) (p prompt, ok bool) {
	rest, ok := strings.CutPrefix(s, "Username for ")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "Password for "); !ok {
			return prompt{}, false
		}
		p.wantsPassword = true
	}
	rest = strings.TrimSuffix(strings.TrimSpace(rest), ":")
	if len(rest) < 2 || rest[0] != '\'' && rest[0] != '"' || rest[len(rest)-1] != rest[0] {
		return prompt{}, false
	}
	p.target = rest[1 : len(rest)-1]
	if strings.ContainsAny(p.target, "\x00\r\n") || !strings.Contains(p.target, "://") {
		return prompt{}, false
	}
	return p, true
}

// lookup makes a list of NAME=value into what os.Getenv would be; the last of equal names wins, as
// in pkg/proc's children.
func lookup(environ []string) func(string) string {
	return func(name string) string {
		for _, kv := range slices.Backward(environ) {
			if value, ok := strings.CutPrefix(kv, name+"="); ok {
				return value
			}
		}
		return ""
	}
}
