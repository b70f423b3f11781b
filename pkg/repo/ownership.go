package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RefusedError says that a path is in use by somebody else. Nothing has been
// changed; trying again does not help.
type RefusedError struct {
	Path   string
	Reason string
	Remedy string
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s %s", e.Path, e.Reason) }

// Hint says what to do about it.
func (e *RefusedError) Hint() string { return e.Remedy }

// markerName is the file, in our directory of a store, that says that
// git-sync made the store; see storeMeta for its content.
const markerName = "store.json"

// checkRoot refuses a root whose .git was not made by a git-sync. It only
// reads.
func (r *Repo) checkRoot() error {
	dir := filepath.Join(r.root, gitDirName)
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return r.checkBare()
	}
	if err != nil {
		return fmt.Errorf("looking at the root: %w", err)
	}
	if !info.IsDir() {
		return &RefusedError{
			Path:   r.root,
			Reason: "is a worktree or a submodule of somebody's repository: its .git is not a directory",
			Remedy: "choose another --root; git-sync keeps a repository of its own there",
		}
	}
	if isOurStore(dir) || madeByOlder(dir) {
		return nil
	}
	return &RefusedError{
		Path:   r.root,
		Reason: "is somebody's own clone: it has a .git that git-sync did not make",
		Remedy: "choose an empty directory as --root; if the clone is not needed any more, remove its .git first",
	}
}

// checkBare refuses a root that is itself a git directory.
func (r *Repo) checkBare() error {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if !exists(filepath.Join(r.root, name)) {
			return nil
		}
	}
	return &RefusedError{
		Path:   r.root,
		Reason: "is a git repository (a bare one)",
		Remedy: "choose an empty directory as --root",
	}
}

func isOurStore(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, ownDirName, markerName))
	return err == nil && info.Mode().IsRegular()
}

// checkLink refuses a published path that is neither free nor a link to a
// tree. It only reads.
func (r *Repo) checkLink() error {
	if r.link == r.root || strings.HasPrefix(r.link+"/", filepath.Join(r.root, gitDirName)+"/") ||
		isTreeName(strings.TrimPrefix(r.link, r.root+"/")) {
		return &RefusedError{Path: r.link, Reason: "cannot be the published link: git-sync needs that path itself", Remedy: "choose another name with --link"}
	}
	info, err := os.Lstat(r.link)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the published link: %w", err)
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		what := "file"
		if info.IsDir() {
			what = "directory"
		}
		return &RefusedError{
			Path:   r.link,
			Reason: "is to be the published link, but is an ordinary " + what,
			Remedy: "remove or rename it, or choose another name with --link; git-sync deletes only what it made",
		}
	}
	target, err := os.Readlink(r.link)
	if err != nil {
		return fmt.Errorf("reading the published link: %w", err)
	}
	if _, ok := hashOfTarget(target); !ok {
		return &RefusedError{
			Path:   r.link,
			Reason: fmt.Sprintf("is to be the published link, but is a link of somebody else's, to %q", target),
			Remedy: "remove it, or choose another name with --link; git-sync deletes only what it made",
		}
	}
	return nil
}
