// Package harness runs the program as its users do, for all suites: it builds git-sync once per test run, starts it, signals it,
// reads its log, and looks at its root and at what is published.
//
// A [Command] says how the program is run, a [Program] is one that runs beside the test, and a [Root] is the directory that it
// keeps. Their methods end the test when what they wait for does not happen within [Patience]. Nothing of the machine reaches
// the program but PATH, and nothing outlives the test.
package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Build returns the path of git-sync, which it builds first, below .cache. Packages that are tested at the same time build it
// once: the others wait and find it up to date. When the test runs with the race detector, so does the program. It blocks for
// as long as the compiler takes.
var Build = sync.OnceValues(build)

func build() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "git-sync").Output()
	if err != nil {
		return "", fmt.Errorf("looking for the module: %w", err)
	}
	top, race := strings.TrimSpace(string(out)), raced()
	dir := filepath.Join(top, ".cache", "test")
	if race {
		dir = filepath.Join(dir, "race")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "git-sync")
	cmd := exec.Command("go", "build", "-C", top, "-buildvcs=false", fmt.Sprintf("-race=%t", race), "-o", path, "git-sync/cmd/git-sync")
	// The linker's output is on the same file system, so that it replaces a program in use by a rename.
	cmd.Env = append(os.Environ(), "GOTMPDIR="+dir)
	if !race {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building git-sync: %w\n%s", err, out)
	}
	return path, nil
}

// raced reports whether this test runs with the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// Binary is the path of git-sync; see [Build].
func Binary(t testing.TB) string {
	t.Helper()
	path, err := Build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
