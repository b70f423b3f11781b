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

// directories creates directories, and remembers which ones.
type directories struct {
	made   []string // children before parents
	shared bool     // make them writable by their group, whatever the umask
}

// real creates a directory unless it exists, and returns its path without symlinks.
func (d *directories) real(dir string) (string, error) {
	if err := d.mkdirAll(dir); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// mkdirAll is os.MkdirAll that remembers what it has created. Like os.MkdirAll it does not clean the path: "dir/.."
// leads elsewhere if dir is a symlink.
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
		return os.MkdirAll(path+"/", 0o777) // the directory exists, or the error says why it cannot be created
	}
	d.made = append([]string{path}, d.made...)
	if d.shared {
		return disk.Share(path, 0o775)
	}
	return nil
}

// remove removes the directories that are still empty.
func (d *directories) remove() {
	for _, dir := range d.made {
		_ = unix.Rmdir(dir)
	}
	d.made = nil
}

// checkRoot refuses a root whose .git was not made by a git-sync. It does not write.
func checkRoot(root string) error {
	dir := filepath.Join(root, disk.GitName)
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return checkBare(root)
	}
	if err != nil {
		return fmt.Errorf("checking the root: %w", err)
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

// checkWritable returns an error if dirs, the root or the directory to publish in are not writable. Without this check,
// a root that is published and up to date would fail only at the next push.
func (r *Repo) checkWritable(dirs ...string) error {
	published := filepath.Dir(r.outlet.Path())
	if r.opts.Publish == PublishInPlace && disk.Exists(r.outlet.Path()) {
		published = r.outlet.Path() // may be a mount point in a directory that is not writable
	}
	for _, dir := range append([]string{r.root, published}, dirs...) {
		if err := unix.Access(dir, unix.W_OK); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "checking that git-sync can write to", Path: dir, Err: err}
		}
	}
	return nil
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
