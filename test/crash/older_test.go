//go:build amd64 || arm64

package crash

import (
	"cmp"
	"io/fs"
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

// older is a root as one of the older git-syncs has left it.
type older struct {
	trees      string // what the names of trees begin with: rev- of v3.0 to v3.2, nothing of v3.3 to v3.6, .worktrees/ of v4
	full       bool   // of the whole history
	absolute   bool   // git's own absolute path in the tree, as of a run that ended before it was made relative
	submodules bool
	shared     bool   // for the group
	former     string // the link that it published, where that is another one than ours
	stale      bool   // with a second tree and the temporary link of a publication that was interrupted
	dangling   bool   // without the tree
}

// publish makes the root, with what the branch is at published.
func (o older) publish(b *sandbox, w *world) {
	t, root := b.t, b.root()
	t.Helper()
	depth := []string{"--depth=1"}
	if o.full {
		depth = nil
	}
	if o.trees == ".worktrees/" {
		gitIn(t, "", "init", "-q", "-b", "git-sync", root)
		gitIn(t, root, append(append([]string{"fetch", "-q", "--no-tags"}, depth...), w.up.FileURL(), "main")...)
	} else {
		// git clones into an empty directory alone, and others' files are there already.
		clone := filepath.Join(b.dir, "clone")
		gitIn(t, "", append(append([]string{"clone", "-q", "--no-checkout", "-b", "main"}, depth...), w.up.FileURL(), clone)...)
		must(t, os.Rename(filepath.Join(clone, ".git"), filepath.Join(root, ".git")))
		must(t, os.Remove(clone))
	}
	tree := o.tree(b, w.v[0])
	link := filepath.Join(b.dir, cmp.Or(o.former, b.link))
	target, err := filepath.Rel(filepath.Dir(link), tree)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(link), 0o755))
	must(t, os.Symlink(target, link))
	if o.stale {
		must(t, os.Symlink(filepath.Base(o.tree(b, w.v[1])), filepath.Join(root, "tmp-link")))
	}
	if o.shared {
		gitIn(t, root, "config", "core.sharedRepository", "group")
		must(t, os.Chmod(root, 0o2775))
		must(t, filepath.WalkDir(filepath.Join(root, ".git"), func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(name, 0o2775)
			}
			return err
		}))
	}
	if o.dangling {
		must(t, os.RemoveAll(tree))
	}
}

// tree checks out one commit.
func (o older) tree(b *sandbox, hash string) string {
	t, root := b.t, b.root()
	t.Helper()
	dir := filepath.Join(root, o.trees+hash)
	gitIn(t, root, "worktree", "add", "-q", "--force", "--no-checkout", "--detach", dir, hash)
	if !o.absolute {
		store, err := filepath.Rel(dir, filepath.Join(root, ".git"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: "+store+"/worktrees/"+filepath.Base(dir)+"\n"), 0o644))
	}
	gitIn(t, dir, "reset", "-q", "--hard", hash)
	if o.submodules {
		gitIn(t, dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
	}
	return dir
}

// named returns a check of how the published tree is named.
func named(begin string) func(*sandbox) {
	return func(b *sandbox) {
		b.t.Helper()
		link := filepath.Join(b.dir, b.link)
		target, err := os.Readlink(link)
		must(b.t, err)
		rel, err := filepath.Rel(b.root(), filepath.Join(filepath.Dir(link), target))
		if hash, ok := strings.CutPrefix(rel, begin); err != nil || !ok || len(hash) != 40 {
			b.t.Errorf("the link leads to %s, want %sHASH below the root", target, begin)
		}
	}
}

// said runs git in the published tree, as a consumer does, and expects an answer.
func (b *sandbox) said(want string, args ...string) {
	b.t.Helper()
	if got := gitIn(b.t, publishedDir(b), args...); got != want {
		b.t.Errorf("git %s says %q, want %q", strings.Join(args, " "), got, want)
	}
}
