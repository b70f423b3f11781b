package main

import (
	"os"
	"path/filepath"
	"time"
)

// below resolves a path that is absolute or relative to the root, which has no symlinks in it: --root itself may hold ".."
// behind symlinks, and pkg/repo alone says what that means.
func below(root, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

// touch sets the file's times to now, creating it (and the directories above it) where needed.
func touch(path string) error {
	now := time.Now()
	if err := os.Chtimes(path, now, now); err == nil || !os.IsNotExist(err) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	return f.Close()
}
