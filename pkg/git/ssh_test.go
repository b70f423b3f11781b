package git_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/harness"
)

// recorder is an ssh that notes how it was called, and fails.
func recorder(t *testing.T) (program, calls string) {
	t.Helper()
	dir := t.TempDir()
	program, calls = filepath.Join(dir, "ssh"), filepath.Join(dir, "calls")
	script := "#!/bin/sh\nfor a; do printf '<%s>' \"$a\"; done >" + calls + "\nprintf ' %s\\n' \"$GIT_PROTOCOL\" >>" + calls + "\nexit 1\n"
	harness.Executable(t, program, script)
	return program, calls
}

// UploadPack calls ssh as git itself does, or not at all.
func TestUploadPack(t *testing.T) {
	program, calls := recorder(t)
	g := newGit(t, "GIT_SSH_COMMAND="+program)
	for repo, plain := range map[string]bool{
		"ssh://git@host.example/team/repo.git":  true,
		"ssh://host.example:2222/team/repo.git": true,
		"ssh://Host.Example/~me/it's%20a!repo":  true,
		"ssh://git@[::1]:22/a":                  true,
		"git@host.example:team/repo.git":        true,
		"host.example:/srv/repo.git":            true,
		"host.example:x/repo.git":               true,
		"host.example:/~me/repo":                true,
		"host.example:~me/repo":                 true,
		"me@corp@host.example:x":                true,
		"host.example:x~y":                      false,
		"host.example:a b":                      true,
		"ssh://git:secret@host.example/x":       false,
		"ssh://host.example/x?y#z":              false,
		"[git@host.example:22]:x":               false,
		"git+ssh://host.example/x":              true,
		"https://host.example/x":                false,
		"file:///srv/x":                         false,
		"/srv/x:y":                              false,
		"git://host.example/x":                  false,
		"ssh://host.example":                    false,
	} {
		p, ok, err := g.UploadPack(t.Context(), repo)
		if err != nil || ok != plain {
			t.Errorf("%s: %v, %v; want %v", repo, ok, err, plain)
		}
		if err != nil || !ok {
			continue
		}
		_, _ = io.ReadAll(p.Stdout)
		_ = p.Close()
		ours, _ := os.ReadFile(calls)
		_, _ = g.Run(t.Context(), git.Cmd("ls-remote").Operand(repo))
		theirs, _ := os.ReadFile(calls)
		if string(ours) != string(theirs) || len(ours) == 0 {
			t.Errorf("%s: %q, but git calls %q", repo, ours, theirs)
		}
	}
	for _, env := range [][]string{
		{"GIT_SSH=" + program},
		{"GIT_SSH_COMMAND=ssh -v"},
		{"GIT_SSH_COMMAND=/opt/connect"},
		{"GIT_SSH_COMMAND=" + program, "GIT_SSH_VARIANT=simple"},
	} {
		if _, ok, err := newGit(t, env...).UploadPack(t.Context(), "host.example:x"); ok || err != nil {
			t.Errorf("%q: not left to git: %v", env, err)
		}
	}
}
