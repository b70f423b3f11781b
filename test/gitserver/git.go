package gitserver

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Env is a complete environment for running git in a test: PATH is the process's own, everything else is fixed. Extra
// variables win over these.
func Env(extra ...string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=/nonexistent",
		"LC_ALL=C",
		"TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=A Test",
		"GIT_AUTHOR_EMAIL=test@example.com",
		"GIT_COMMITTER_NAME=A Test",
		"GIT_COMMITTER_EMAIL=test@example.com",
		"GIT_AUTHOR_DATE=" + gitDate(epoch()),
		"GIT_COMMITTER_DATE=" + gitDate(epoch()),
		"GIT_CONFIG_COUNT=5",
		"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=init.defaultBranch", "GIT_CONFIG_VALUE_1=main",
		"GIT_CONFIG_KEY_2=protocol.file.allow", "GIT_CONFIG_VALUE_2=always",
		"GIT_CONFIG_KEY_3=gc.auto", "GIT_CONFIG_VALUE_3=0",
		"GIT_CONFIG_KEY_4=core.hooksPath", "GIT_CONFIG_VALUE_4=/dev/null",
	}
	return append(env, extra...)
}

// epoch is the date of the first commit of every [Repo].
func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func gitDate(t time.Time) string { return fmt.Sprintf("%d +0000", t.Unix()) }

// Run runs git in a directory, in [Env] with the variables given, and returns its standard output, or an error that holds its
// standard error.
func Run(dir string, env []string, args ...string) (string, error) {
	return gitCall{dir: dir, env: env, args: args}.run()
}

// gitCall is one run of git in a test.
type gitCall struct {
	dir   string
	env   []string
	stdin io.Reader
	args  []string
}

// run returns git's standard output, or an error that holds its standard error.
func (c gitCall) run() (string, error) {
	cmd := exec.Command("git", c.args...)
	cmd.Dir, cmd.Stdin = c.dir, c.stdin
	cmd.Env = Env(c.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s in %s: %w\n%s", strings.Join(c.args, " "), c.dir, err, errs.String())
	}
	return out.String(), nil
}
