package git_test

import (
	"errors"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/pkg/proc"
)

// TestOperandsCannotBecomeOptions: X3.
func TestOperandsCannotBecomeOptions(t *testing.T) {
	g := newGit(t)
	for _, bad := range []string{"-x", "--upload-pack=touch /tmp/x", "-", "a\nb", "a\x00b", "a\rb"} {
		_, err := g.Run(t.Context(), git.Cmd("ls-remote").Operand(bad))
		if _, ran := errors.AsType[*proc.Error](err); err == nil || ran {
			t.Errorf("%q: git was run: %v", bad, err)
		}
	}
	if _, err := g.Run(t.Context(), git.Cmd("fetch").Opt("--depth=", "1\n2")); err == nil {
		t.Error("an option's value may hold a line break")
	}
}

func TestCommandIsPassedOn(t *testing.T) {
	g := newGit(t)
	dir := emptyStore(t, g)
	hash := must(t, g, git.Cmd("hash-object", "-w", "--stdin").GitDir(dir).Stdin(strings.NewReader("hello")))
	got := must(t, g, git.Cmd("cat-file").Arg("-p").GitDir(dir).Operand(strings.TrimSpace(hash)))
	if got != "hello" {
		t.Errorf("got %q", got)
	}
	_, err := g.Run(t.Context(), git.Cmd("cat-file", "-p").GitDir(dir).Operand(strings.TrimSpace(hash)).MaxOutput(3))
	if err == nil || !strings.Contains(err.Error(), "more output than expected") {
		t.Errorf("error is %v", err)
	}
}
