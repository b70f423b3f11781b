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
	"git-sync/pkg/repo/outlet"
)

// keepLayout keeps publishing bare hashes where the root does, as git-sync v3.3
// to v3.6 do, unless another layout was asked for: consumers may take the link's
// target for the commit.
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
		r.opts.Log.Info("keeping the layout of the root", "layout", LayoutHash)
	}
	return err
}

// madeByOlder reports whether the tree at place was made by an older git-sync.
func (r *Repo) madeByOlder(place string) bool {
	_, recorded := r.records.At(place)
	_, err := disk.ReadGitlink(filepath.Join(r.root, place))
	return !recorded && err == nil && r.isTree(place)
}

// removeOlderLinks removes the links that an older git-sync has published to a tree
// whose place the published one has taken.
func (r *Repo) removeOlderLinks() error {
	now := r.current()
	if !now.rec.Older {
		return nil
	}
	if err := outlet.RemoveLinksTo(r.root, now.place, r.outlet.Path()); err != nil {
		return err
	}
	now.rec.Older = false
	return r.records.Save(now.rec)
}

// isOlderAdmin reports whether name is how v3.0 to v3.2 (rev-<hash>) or v3.3 to v4
// (<hash>) named a worktree, and so git its admin directory; git appends a number where
// a stale one of that name is in the way.
func isOlderAdmin(name string) bool {
	name = strings.TrimPrefix(name, "rev-")
	for _, digits := range []int{40, 64} {
		if len(name) >= digits && len(name) <= digits+4 && git.IsHash(name[:digits]) && strings.Trim(name[digits:], "0123456789") == "" {
			return true
		}
	}
	return false
}

// isOlderStore reports whether the git directory dir was made by git-sync v3
// or v4, which left no marker: neither ever had a file checked out beside its
// .git, hence no index; every worktree is named after its commit; v4's own
// branch is called git-sync. A v3 that was killed before its first worktree
// has left what `git clone --no-checkout` leaves to everybody: that is not
// taken for ours.
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
