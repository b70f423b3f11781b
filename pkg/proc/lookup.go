package proc

import (
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Getenv returns the value of a variable in env; "" if there is none. If a name occurs twice, the last one counts.
func Getenv(env []string, name string) string {
	for _, kv := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// LookPath finds a program in the PATH of env. If name contains a slash, it returns name itself. It ignores relative
// and empty entries of PATH, because what runs must not depend on the working directory.
func LookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	if name == "" {
		return "", fmt.Errorf("no program given: %w", fs.ErrInvalid)
	}
	for _, dir := range filepath.SplitList(Getenv(env, "PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if file, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("not found in PATH: %w", fs.ErrNotExist)
}
