package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
)

// advise adds advice to an error of a system call of ours, the same as git's errors carry, unless the error has its own.
func advise(root string, err error) error {
	var own interface{ Hint() string }
	if err == nil || errors.As(err, &own) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		for _, absent := os.Lstat(root); absent != nil && root != "/"; _, absent = os.Lstat(root) {
			root = filepath.Dir(root)
		}
		return advice.With(err, git.Access(root, git.ToWrite)+", or give the directory to that UID with chown")
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, fs.ErrExist):
		return advice.With(err, "a part of this path is a file, or a link that leads nowhere: choose another path, or remove that")
	case errors.Is(err, unix.EROFS):
		return advice.With(err, git.KindReadOnly.Hint())
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return advice.With(err, git.KindNoSpace.Hint())
	}
	return err
}
