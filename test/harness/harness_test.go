package harness_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

func TestHarness(t *testing.T) {
	t.Parallel()
	up := gitserver.NewRepo(t)
	first := up.Commit(map[string]string{"file": "one"})
	root := harness.NewRoot(t.TempDir())
	if got := root.Published(); got != "" {
		t.Errorf("published before anything was synced: %s", got)
	}
	args := append(root.Args(up.FileURL()), "--period=50ms", "--log-format=json")
	p := harness.Start(t, harness.Command{Args: args})
	root.Publishes(t, first)
	root.Shows(t, "file", "one")
	if out, err := gitserver.Run(root.Link, nil, "rev-parse", "HEAD"); err != nil || strings.TrimSpace(out) != root.Published() {
		t.Errorf("git says that %s is published, %v", out, err)
	}
	made := root.Made(t)
	second := up.Commit(map[string]string{"file": "two"})
	root.Publishes(t, second)
	if root.Made(t) == made {
		t.Error("another tree cannot be told from the one before")
	}
	if line := p.Logs("started"); line["level"] == nil {
		t.Errorf("an entry of the log: %v", line)
	}
	if family := p.Family(); len(family) == 0 {
		t.Error("its processes are not found")
	}
	p.Stop()
	p.Exits(0)

	said, code := harness.Run(t, harness.Command{Args: []string{"--not-an-option"}})
	if code != 2 || said == "" {
		t.Errorf("a bad option: exit code %d, %q", code, said)
	}
}

// TestExecutable: what was written can be run, whatever else is started meanwhile.
func TestExecutable(t *testing.T) {
	over := make(chan struct{})
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					_ = exec.Command("true").Run()
				}
			}
		})
	}
	defer others.Wait()
	defer close(over)
	for i := range 200 {
		name := filepath.Join(t.TempDir(), "program")
		harness.Executable(t, name, "#!/bin/sh\nexit 0\n")
		if err := exec.Command(name).Run(); err != nil {
			t.Fatalf("number %d: %v", i, err)
		}
	}
}
