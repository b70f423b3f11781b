//go:build amd64 || arm64

package crash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/gitserver"
)

// gitIn runs git as the older git-syncs ran it, and returns what it says.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := gitserver.Run(dir, gitserver.Env(), args...)
	must(t, err)
	return strings.TrimSpace(out)
}

// asV3 publishes what the branch is at as git-sync v3 did: a clone without a checkout, a worktree called after its commit, and
// git's own absolute paths in both directions, as of a run that was interrupted before it made them relative.
func asV3(b *sandbox, w *world) {
	t := b.t
	t.Helper()
	root, hash := b.root(), w.v[0]
	// git clones into an empty directory alone, and others' files are there already.
	bare := filepath.Join(b.dir, "clone")
	gitIn(t, "", "clone", "-q", "--no-checkout", "-b", "main", "--depth=1", w.up.FileURL(), bare)
	must(t, os.Rename(filepath.Join(bare, ".git"), filepath.Join(root, ".git")))
	must(t, os.Remove(bare))
	gitIn(t, root, "worktree", "add", "-q", "--no-checkout", "--detach", filepath.Join(root, "rev-"+hash), hash)
	gitIn(t, filepath.Join(root, "rev-"+hash), "reset", "-q", "--hard", hash)
	must(t, os.Symlink("rev-"+hash, filepath.Join(b.dir, b.link)))
}

// asV4 publishes what the branch is at as git-sync v4 did: a repository on a branch called git-sync, and a worktree below
// .worktrees that names it by a relative path.
func asV4(b *sandbox, w *world) {
	t := b.t
	t.Helper()
	root, hash := b.root(), w.v[0]
	dir := filepath.Join(root, ".worktrees", hash)
	gitIn(t, "", "init", "-q", "-b", "git-sync", root)
	gitIn(t, root, "fetch", "-q", "--depth=1", "--no-tags", w.up.FileURL(), "main")
	gitIn(t, root, "worktree", "add", "-q", "--force", "--no-checkout", "--detach", dir, hash)
	must(t, os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: ../../.git/worktrees/"+hash+"\n"), 0o644))
	gitIn(t, dir, "reset", "-q", "--hard", hash)
	must(t, os.Symlink(".worktrees/"+hash, filepath.Join(b.dir, b.link)))
}

// said runs git in the published tree, as a consumer does, and expects an answer.
func (b *sandbox) said(want string, args ...string) {
	b.t.Helper()
	if got := gitIn(b.t, publishedDir(b), args...); got != want {
		b.t.Errorf("git %s says %q, want %q", strings.Join(args, " "), got, want)
	}
}
