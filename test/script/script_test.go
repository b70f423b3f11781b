package script_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	"git-sync/test/script"
)

func TestMain(m *testing.M) {
	os.Exit(withProgram(m.Run))
}

// withProgram builds git-sync, puts it first in the PATH, and runs the tests.
func withProgram(run func() int) int {
	dir, err := os.MkdirTemp("", "git-sync-program-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-buildvcs=false", fmt.Sprintf("-race=%t", raced()), "-o", filepath.Join(dir, "git-sync"), "git-sync/cmd/git-sync")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building git-sync:", err)
		return 1
	}
	os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return run()
}

// raced tells whether this test is run with the race detector, which the program is to have then as well.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func TestScripts(t *testing.T) {
	script.Run(t, ".")
}
