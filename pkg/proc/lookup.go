package proc

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Installed reports whether the program name is found in the PATH of env.
func Installed(name string, env []string) bool {
	_, err := lookup(name, env)
	return err == nil
}

// lookup finds the program name in the PATH of env, or returns name itself if it
// holds a slash. Relative and empty entries of PATH are passed over: what runs
// must not depend on the working directory.
func lookup(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	if name == "" {
		return "", fmt.Errorf("no program given: %w", fs.ErrInvalid)
	}
	for _, dir := range filepath.SplitList(searchPath(env)) {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, name)
		info, err := os.Stat(file)
		if err == nil && info.Mode().IsRegular() && unix.Access(file, unix.X_OK) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("not found in PATH: %w", fs.ErrNotExist)
}

// searchPath is the value of the last PATH in env.
func searchPath(env []string) string {
	path := ""
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = value
		}
	}
	return path
}
