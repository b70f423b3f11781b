package credentials

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/harness"
)

// program is git-sync, looping.
type program struct {
	*harness.Program
	harness.Root
	t *testing.T
}

// start runs git-sync with the arguments and everything that could tell a secret.
func start(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{Root: harness.NewRoot(dir), t: t}
	hook := filepath.Join(dir, "hook")
	put(t, hook, "#!/bin/sh\nenv >> "+filepath.Join(dir, "hook.env")+"\n", 0o755)
	p.Program = harness.Start(t, harness.Command{Home: dir, Env: env, Args: append([]string{
		"--root=" + p.Dir, "--link=link", "--period=100ms", "--max-failures=-1", "--backoff-max=100ms",
		"--error-file=" + filepath.Join(dir, "error.json"), "--exechook-command=" + hook, "-v=9",
	}, args...)})
	return p
}

func (p *program) errorFile() string { return filepath.Join(p.Home, "error.json") }

// publishes waits for a version of README.
func (p *program) publishes(content string) {
	p.t.Helper()
	p.Until("README to be "+content, func() bool { return p.Content("README") == content })
}

// fails waits for a failure that is told with these words.
func (p *program) fails(words ...string) {
	p.t.Helper()
	p.Until("an error that says "+strings.Join(words, ", "), func() bool {
		b, err := os.ReadFile(p.errorFile())
		if err != nil {
			return false
		}
		for _, w := range words {
			if !strings.Contains(string(b), w) {
				return false
			}
		}
		return true
	})
}
