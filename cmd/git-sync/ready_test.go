package main

import (
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// powerCut takes the content of a published file, and makes the root's record say that it was written before the machine was
// started anew.
func powerCut(t *testing.T, root string) {
	t.Helper()
	if err := os.Truncate(filepath.Join(root, "link", "file"), 0); err != nil {
		t.Fatal(err)
	}
	records, err := filepath.Glob(filepath.Join(root, ".git", "worktrees", "*", "git-sync.json"))
	if err != nil || len(records) != 1 {
		t.Fatalf("%v, %v", records, err)
	}
	data, err := os.ReadFile(records[0])
	if err == nil {
		err = os.WriteFile(records[0], regexp.MustCompile(`"boot":"[^"]*"`).ReplaceAll(data, []byte(`"boot":"another"`)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNotReadyUntilRepaired(t *testing.T) { // D10
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	start(t, setup{args: args(r.url, root, "--one-time")}).Exits(exitDone)
	powerCut(t, root)
	// The gate holds the repair up, so that there is time to look.
	hold := filepath.Join(t.TempDir(), "hold")
	if err := os.WriteFile(hold, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	at := "http://" + harness.FreeAddress(t)
	start(t, setup{args: args(r.url, root, "--period=50ms", "--http-bind="+at[len("http://"):],
		"--pre-publish-exechook-command="+script(t, "touch "+hold+".reached; while test -e "+hold+"; do sleep 0.01; done"))})
	harness.Until(t, "the repair", func() bool { return exists(hold + ".reached") })
	for path, want := range map[string]int{"/readyz": 503, "/": 503, "/livez": 200} {
		if got := status(at + path); got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}
	harness.Until(t, "/readyz", func() bool { return status(at+"/readyz") == 200 })
	if got := content(root, "file"); got != "one" {
		t.Errorf("ready with %q", got)
	}
}

func TestRepairedWhileTheRemoteIsAway(t *testing.T) { // D10, W8
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	start(t, setup{args: args(r.url, root, "--one-time")}).Exits(exitDone)
	r.Fail(gitserver.Rule{Do: gitserver.Status(502)})
	powerCut(t, root)
	at := "http://" + harness.FreeAddress(t)
	p := start(t, setup{args: args(r.url, root, "--period=50ms", "--backoff-max=50ms", "--http-bind="+at[len("http://"):])})
	harness.Until(t, "/readyz", func() bool { return status(at+"/readyz") == 200 })
	if got := content(root, "file"); got != "one" {
		t.Errorf("ready with %q", got)
	}
	p.Logs("sync failed")
	tree, err := filepath.EvalSymlinks(filepath.Join(root, "link"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(tree); err != nil {
		t.Fatal(err)
	}
	published(t, root, "one")
	harness.Until(t, "/readyz after the tree was lost", func() bool { return status(at+"/readyz") == 200 })
	if p.Lines("recovered") != nil {
		t.Error("syncs succeed while the remote is away")
	}
	p.Signal(syscall.SIGTERM)
	p.Exits(exitDone)
}

func TestIntactTreeIsReadyWhileTheRemoteIsSilent(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root := t.TempDir()
	start(t, setup{args: args(r.url, root, "--one-time")}).Exits(exitDone)
	r.Fail(gitserver.Rule{Do: gitserver.Silence()})
	at := "http://" + harness.FreeAddress(t)
	start(t, setup{args: args(r.url, root, "--sync-timeout=1h", "--http-bind="+at[len("http://"):])})
	harness.Until(t, "/readyz while the first sync hangs", func() bool { return status(at+"/readyz") == 200 })
}
