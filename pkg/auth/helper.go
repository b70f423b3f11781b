package auth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"git-sync/pkg/proc"
)

// The variables by which Refresh passes data to our own executable when git runs it. Both exist only in the
// environment of git's processes.
const (
	credentialVariable = "GITSYNC_INTERNAL_CREDENTIALS" // JSON: []entry
	sshVariable        = "GITSYNC_INTERNAL_SSH"         // JSON: sshPlan
)

// Helper must be called first by main. If git runs our own executable as its credential helper or its
// GIT_SSH_COMMAND, Helper does that work. Otherwise handled is false. environ is the whole environment of the
// process, and args its arguments without argv[0]. As ssh, it returns only on error, because the process becomes ssh.
func Helper(environ, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int, handled bool) {
	credentials, ssh := proc.Getenv(environ, credentialVariable), proc.Getenv(environ, sshVariable)
	// git passes one word to a credential helper, and at least a host and a command to ssh.
	switch {
	case len(args) == 1 && credentials != "":
		if err := answer(credentials, args[0], stdin, stdout); err != nil {
			return complain(stderr, "cannot answer git: "+err.Error(), 1), true
		}
		return 0, true
	case len(args) > 1 && ssh != "":
		err := becomeSSH(ssh, environ, args)
		return complain(stderr, "cannot run ssh: "+err.Error(), 127), true
	case credentials != "" || ssh != "":
		return complain(stderr, "run by git as a helper, with arguments that make no sense", 1), true
	}
	return 0, false
}

// complain writes to stderr, which git shows to the user, and returns the exit code.
func complain(stderr io.Writer, text string, code int) int {
	_, _ = fmt.Fprintln(stderr, "git-sync:", text) // an error means that nobody reads it
	return code
}

// answer implements the protocol of git-credential(1). If there is no credential for the URL, it prints nothing, and
// git reports that. Requests to store or erase are ignored.
func answer(credentials, action string, stdin io.Reader, stdout io.Writer) error {
	if action != "get" {
		return nil
	}
	var entries []entry
	if err := json.Unmarshal([]byte(credentials), &entries); err != nil {
		return fmt.Errorf("reading $%s: %w", credentialVariable, err)
	}
	wanted, err := readRequest(stdin)
	if err != nil {
		return err
	}
	e, ok := find(entries, wanted)
	if !ok {
		return nil
	}
	_, err = fmt.Fprintf(stdout, "username=%s\npassword=%s\n", cmp.Or(wanted.user, e.User), e.Pass)
	return err
}

// readRequest parses git's description of the URL that needs a credential, one attribute per line, up to an empty line:
//
//	protocol=https
//	host=host:8443
//	path=org/repo.git
//	username=bot
//
// The path is present only with credential.useHttpPath, the user name only if the URL has one.
func readRequest(stdin io.Reader) (scope, error) {
	text, err := io.ReadAll(stdin)
	request, _, _ := strings.Cut(string(text), "\n\n")
	a := attributes(request)
	return newScope(a["protocol"], a["host"], a["path"], a["username"]), err
}

// attributes parses lines of name=value. If a name occurs twice, the last line counts.
func attributes(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		values[strings.TrimSpace(name)] = value
	}
	return values
}
