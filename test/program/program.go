// Package program builds git-sync for the tests that run it as its users do.
package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds git-sync into a new temporary directory, and returns its path and what removes the directory. It blocks for as
// long as the compiler takes.
func Build() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "git-sync-binary-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	path = filepath.Join(dir, "git-sync")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "git-sync/cmd/git-sync").CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("building git-sync: %w\n%s", err, out)
	}
	return path, remove, nil
}

// Main is a TestMain: it builds git-sync, sets binary to its path, runs the tests, and returns what to exit with.
func Main(m interface{ Run() int }, binary *string) int {
	path, remove, err := Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	*binary = path
	return m.Run()
}

// Env is a whole environment for it, in which nothing is the machine's but PATH; home is what it may call its own.
func Env(home string, extra ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home}, extra...)
}
