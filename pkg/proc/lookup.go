package proc

import (
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
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
	path := ""
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = value // the last one counts
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if file, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("not found in PATH: %w", fs.ErrNotExist)
}
