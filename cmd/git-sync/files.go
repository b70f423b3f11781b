package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// below resolves a path that is absolute or relative to the root, which must exist. The root may hold ".." behind
// symlinks, so it is resolved before anything is joined to it.
func below(root, path string) (string, error) {
	if path == "" || filepath.IsAbs(path) {
		return path, nil
	}
	real, err := filepath.EvalSymlinks(root)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return "", fmt.Errorf("resolving the root: %w", err)
	}
	return filepath.Join(real, path), nil
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
