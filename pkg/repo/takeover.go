package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
)

// isOlderAdmin reports whether name is how v3 (rev-<hash>) or v4 (<hash>)
// named a worktree, and so git its admin directory; git appends a number where
// a stale one of that name is in the way.
func isOlderAdmin(name string) bool {
	name = strings.TrimPrefix(name, revPrefix)
	for _, digits := range []int{40, 64} {
		if len(name) >= digits && len(name) <= digits+4 && git.IsHash(name[:digits]) && madeOf(name[digits:], decimals) {
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
	if exists(filepath.Join(dir, "index")) {
		return false
	}
	head, err := os.ReadFile(filepath.Join(dir, "HEAD"))
	if err != nil {
		return false
	}
	entries, err := os.ReadDir(filepath.Join(dir, adminDirName))
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

// noteOlderLinks writes into st, which is about to take the place of an older
// git-sync's store, the links other than ours that lead to its trees.
func (r *Repo) noteOlderLinks(st store) error {
	if r.store.usable() {
		return st.saveOlderLinks(r.store.olderLinks())
	}
	if !madeByOlder(r.store.dir) {
		return nil
	}
	entries, err := os.ReadDir(r.root)
	if err != nil {
		return fmt.Errorf("looking for the older git-sync's link: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 && r.leadsToTree(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return st.saveOlderLinks(names)
}

// olderLinks returns what noteOlderLinks has found.
func (st store) olderLinks() []string {
	var names []string
	_ = readJSON(st.own(olderLinksName), &names) // absent, or not written whole: none is known
	return names
}

func (st store) saveOlderLinks(names []string) error {
	if len(names) == 0 {
		return remove(st.own(olderLinksName))
	}
	return writeJSON(st.own(olderLinksName), names, 0o666)
}

// leadsToTree reports whether the root's entry name is a link, other than the
// published one, that is named as links to trees in this root are. The tree
// may be gone.
func (r *Repo) leadsToTree(name string) bool {
	name = filepath.Join(r.root, name)
	target, err := os.Readlink(name)
	if err != nil || name == r.link {
		return false
	}
	_, ok := hashOfTarget(target)
	return ok && r.leadsHere(name, target)
}

// unlinkOlder removes the links of an older git-sync that lead nowhere since
// the trees that were taken over are gone. One that leads to a tree stays as
// long as the tree, for it may have readers.
func (r *Repo) unlinkOlder() error {
	known := r.store.olderLinks()
	var left []string
	for _, name := range known {
		full := filepath.Join(r.root, filepath.Base(name))
		if !r.leadsToTree(filepath.Base(name)) {
			continue // not what it was
		}
		if _, err := os.Stat(full); !errors.Is(err, fs.ErrNotExist) {
			left = append(left, name)
			continue
		}
		if err := remove(full); err != nil {
			return fmt.Errorf("removing the link that an older git-sync published: %w", err)
		}
		r.log.Info("removed the link of an older git-sync, whose tree is gone", "path", full)
	}
	if len(left) == len(known) {
		return nil
	}
	return r.store.saveOlderLinks(left)
}
