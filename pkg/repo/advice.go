package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
)

// rootError adds advice to the failure of a system call.
type rootError struct {
	error
	advice string
}

func (e *rootError) Unwrap() error { return e.error }

// Hint says what to do about it.
func (e *rootError) Hint() string { return e.advice }

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
		return &rootError{err, git.Access(root, git.ToWrite) + ", or give the directory to that UID with chown"}
	case errors.Is(err, unix.EROFS):
		return &rootError{err, (&git.Error{Kind: git.KindReadOnly}).Hint()}
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return &rootError{err, (&git.Error{Kind: git.KindNoSpace}).Hint()}
	}
	return err
}
