package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// keepLayout keeps bare hashes as tree names if the root has them, as git-sync v3.3 to v3.6 do, unless another layout
// was asked for. Consumers may read the commit from the link's target.
func (r *Repo) keepLayout() error {
	if r.opts.LayoutAsked {
		return nil
	}
	places, err := r.places()
	if out, ok := r.outlet.Current(); ok && out.Tree != "" {
		places = []string{strings.TrimPrefix(out.Tree, r.root+"/")}
	}
	if err == nil && slices.ContainsFunc(places, LayoutHash.Names) {
		r.opts.Layout = LayoutHash
		r.opts.Log.Info("using the layout of the existing root", "layout", LayoutHash)
	}
	return err
}

// madeByOlder reports whether the tree at place was made by an older git-sync.
func (r *Repo) madeByOlder(place string) bool {
	_, recorded := r.records.At(place)
	_, err := disk.ReadGitlink(filepath.Join(r.root, place))
	return !recorded && err == nil && r.isTree(place)
}

// isOlderAdmin reports whether v3.0 to v3.2 (rev-<hash>) or v3.3 to v4 (<hash>) named a worktree like this. Git names
// the admin directory after the worktree, and appends a number if a stale one has that name.
func isOlderAdmin(name string) bool {
	name = strings.TrimPrefix(name, "rev-")
	for _, digits := range []int{40, 64} {
		if len(name) >= digits && len(name) <= digits+4 && git.IsHash(name[:digits]) && strings.Trim(name[digits:], "0123456789") == "" {
			return true
		}
	}
	return false
}

// isOlderStore reports whether the git directory dir was made by git-sync v3 or v4, which left no marker. Neither
// checked files out beside its .git, so there is no index. Every worktree is named after its commit, and v4's own
// branch is called git-sync. If v3 was killed before its first worktree, the result is the same as that of `git clone
// --no-checkout`, so it is not taken over.
func isOlderStore(dir string) bool {
	if disk.Exists(filepath.Join(dir, "index")) {
		return false
	}
	head, err := os.ReadFile(filepath.Join(dir, "HEAD"))
	if err != nil {
		return false
	}
	entries, err := os.ReadDir(filepath.Join(dir, disk.Admins))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for _, e := range entries {
		if !isOlderAdmin(e.Name()) {
			return false
		}
	}
	return len(entries) > 0 || strings.TrimSpace(string(head)) == "ref: refs/heads/git-sync"
}
