package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// The same commit published anew takes the place that the tree before it had: the hook runs there, not where the tree was built.

func TestHookAfterAnOptionChanged(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	start(t, setup{args: args(r.url, root, "--one-time")}).Exits(exitDone)
	p := start(t, setup{args: args(r.url, root, "--one-time", "--submodules=off", "--exechook-command="+whereHook(t, root))})
	p.Exits(exitDone)
	ranIn(t, p, root)
}

func TestHookAfterTakingOver(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	hash := r.repo.Rev("main")
	for _, cmd := range [][]string{
		{"init", "-q", "-b", "git-sync", root},
		{"-C", root, "fetch", "-q", "--depth=1", r.repo.FileURL(), "main"},
		{"-C", root, "worktree", "add", "-q", "--force", "--detach", filepath.Join(root, ".worktrees", hash), hash},
	} {
		if _, err := gitserver.Run("", gitserver.Env(), cmd...); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(".worktrees", hash), filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	p := start(t, setup{args: args(r.url, root, "--one-time", "--worktree-layout=worktrees", "--exechook-command="+whereHook(t, root))})
	p.Exits(exitDone)
	ranIn(t, p, root)
}

func TestHookAfterARepair(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	p := start(t, setup{args: args(r.url, root, "--period=50ms", "--exechook-command="+whereHook(t, root))})
	harness.Until(t, "the hook", func() bool { return exists(filepath.Join(root, "ran")) })
	ranIn(t, p, root)
	heads, err := filepath.Glob(filepath.Join(root, ".git", "worktrees", "*", "HEAD"))
	if err != nil || len(heads) != 1 {
		t.Fatalf("%v, %v", heads, err)
	}
	if err := os.Remove(filepath.Join(root, "ran")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(heads[0], nil, 0o644); err != nil {
		t.Fatal(err)
	}
	harness.Until(t, "the hook after the repair", func() bool { return exists(filepath.Join(root, "ran")) })
	ranIn(t, p, root)
}

// whereHook is a hook that notes in <root>/ran where it ran.
func whereHook(t *testing.T, root string) string {
	return script(t, "pwd -P >"+root+"/ran.new && mv "+root+"/ran.new "+root+"/ran")
}

// ranIn checks that the hook ran in the published tree, which is what the log says was published last.
func ranIn(t *testing.T, p *harness.Program, root string) {
	t.Helper()
	tree, err := filepath.EvalSymlinks(filepath.Join(root, "link"))
	if err != nil {
		t.Fatal(err)
	}
	where, err := os.ReadFile(filepath.Join(root, "ran"))
	if got := strings.TrimSpace(string(where)); err != nil || got != tree {
		t.Errorf("the hook ran in %q (%v), the published tree is %q", got, err, tree)
	}
	p.Logs("published revision")
	lines := p.Lines("published revision")
	if got := lines[len(lines)-1]["path"]; got != tree {
		t.Errorf("the log says that %v is published, and %q is", got, tree)
	}
}
