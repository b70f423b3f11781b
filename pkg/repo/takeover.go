package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/store"
)

// isOlderAdmin reports whether name is how v3 (rev-<hash>) or v4 (<hash>)
// named a worktree, and so git its admin directory; git appends a number where
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

// madeByOlder reports whether the git directory dir was made by git-sync v3
// or v4, which left no marker: neither ever had a file checked out beside its
// .git, hence no index; every worktree is named after its commit; v4's own
// branch is called git-sync. A v3 that was killed before its first worktree
// has left what `git clone --no-checkout` leaves to everybody: that is not
// taken for ours.
func madeByOlder(dir string) bool {
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

// olderLinksName is the file, in our directory of the store, that lists the
// links which an older git-sync may have published in the root.
const olderLinksName = "older-links.json"

// carryOlderLinks writes into st, which is about to take the place of the store,
// the links other than ours that lead to the trees of an older git-sync.
func (r *Repo) carryOlderLinks(st *store.Store) error {
	if r.store.Usable() {
		return saveOlderLinks(st, olderLinks(r.store))
	}
	if !madeByOlder(r.store.Dir()) {
		return nil
	}
	names, err := r.outlet.Others()
	if err != nil {
		return fmt.Errorf("looking for the older git-sync's link: %w", err)
	}
	return saveOlderLinks(st, names)
}

func olderLinks(st *store.Store) []string {
	var names []string
	_ = disk.ReadJSON(st.Own(olderLinksName), &names) // absent, or not written whole: none is known
	return names
}

func saveOlderLinks(st *store.Store, names []string) error {
	if len(names) == 0 {
		return disk.Remove(st.Own(olderLinksName))
	}
	return st.ReplaceJSON(st.Own(olderLinksName), names)
}

// removeOlderLinks removes the links of an older git-sync that lead nowhere since
// the trees that were taken over are gone.
func (r *Repo) removeOlderLinks() error {
	known := olderLinks(r.store)
	left, err := r.outlet.RemoveDangling(known, func(path string) {
		r.log.Info("removed the link of an older git-sync, whose tree is gone", "path", path)
	})
	if err != nil {
		return fmt.Errorf("removing the link that an older git-sync published: %w", err)
	}
	if len(left) == len(known) {
		return nil
	}
	return saveOlderLinks(r.store, left)
}
