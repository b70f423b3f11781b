package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"git-sync/pkg/repo/internal/disk"
)

// directories makes directories, and remembers which ones.
type directories struct {
	made   []string // those within others first
	shared bool     // writable by their group, whatever our umask
}

// real creates a directory unless it is there, and returns its path without
// symlinks.
func (d *directories) real(dir string) (string, error) {
	if err := d.mkdirAll(dir); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// mkdirAll is os.MkdirAll that remembers what it has made. Like that one it
// cuts a path where it is written, for "dir/.." leads elsewhere where dir is a
// symlink.
func (d *directories) mkdirAll(path string) error {
	if path = strings.TrimRight(path, "/"); path == "" {
		return nil
	}
	err := os.Mkdir(path, 0o777)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.mkdirAll(path[:strings.LastIndex(path, "/")+1]); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o777)
	}
	if err != nil {
		return os.MkdirAll(path+"/", 0o777) // it is there, or it says why it cannot be made
	}
	d.made = append([]string{path}, d.made...)
	if d.shared {
		return disk.Share(path, 0o775)
	}
	return nil
}

// remove removes those that are still empty.
func (d *directories) remove() {
	for _, dir := range d.made {
		_ = unix.Rmdir(dir)
	}
	d.made = nil
}

// checkRoot refuses a root whose .git was not made by a git-sync. It only
// reads.
func checkRoot(root string) error {
	dir := filepath.Join(root, disk.GitName)
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return checkBare(root)
	}
	if err != nil {
		return fmt.Errorf("looking at the root: %w", err)
	}
	if !info.IsDir() {
		return &RefusedError{
			Path:   root,
			Reason: "is a worktree or a submodule of another repository: its .git is not a directory",
			Remedy: "choose another --root; git-sync keeps a repository of its own there",
		}
	}
	if isOurStore(dir) || isOlderStore(dir) {
		return nil
	}
	return &RefusedError{
		Path:   root,
		Reason: "is a clone that git-sync did not make: it has a .git of its own",
		Remedy: "choose an empty directory as --root; if the clone is not needed any more, remove its .git first",
	}
}

// checkBare refuses a root that is itself a git directory.
func checkBare(root string) error {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if !disk.Exists(filepath.Join(root, name)) {
			return nil
		}
	}
	return &RefusedError{
		Path:   root,
		Reason: "is a git repository (a bare one)",
		Remedy: "choose an empty directory as --root",
	}
}

func isOurStore(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, disk.OwnName, disk.Marker))
	return err == nil && info.Mode().IsRegular()
}
