package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
)

// advise adds a hint to an error of a system call, the same hint as for git's errors, unless the error has one
// already. The hint is about the path in the error, or about the root.
func advise(root string, err error) error {
	var own interface{ Hint() string }
	if err == nil || errors.As(err, &own) {
		return err
	}
	var at *fs.PathError
	if errors.As(err, &at) && filepath.IsAbs(at.Path) {
		root = at.Path
	}
	if renaming, ok := errors.AsType[*os.LinkError](err); ok {
		if root = renaming.New; errors.Is(err, fs.ErrPermission) {
			root = filepath.Dir(root) // renaming writes to the directory
		}
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		for _, absent := os.Lstat(root); absent != nil && root != "/"; _, absent = os.Lstat(root) {
			root = filepath.Dir(root)
		}
		if root == "/" { // nobody should make that writable
			return advice.With(err, fmt.Sprintf("set --root=DIR (or --link) to a directory that UID %d can write to", os.Geteuid()))
		}
		return advice.With(err, git.Access(root, git.ToWrite)+", or give the directory to that UID with chown")
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, fs.ErrExist):
		return advice.With(err, "a part of this path is a file or a dangling symlink: choose another path, or remove it")
	case errors.Is(err, unix.EBUSY):
		return advice.With(err, "if something is mounted at "+root+", unmount it, or mount it elsewhere; a mount in the consumer's container is not in the way")
	case errors.Is(err, unix.EROFS):
		return advice.With(err, git.KindReadOnly.Hint())
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return advice.With(err, git.KindNoSpace.Hint())
	}
	return err
}
