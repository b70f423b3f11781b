package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// follower is a program that follows a configuration file.
type follower struct {
	*harness.Program
	file, url string
}

// follow starts one with a sync "a".
func follow(t *testing.T, r upstream, top string, env ...string) follower {
	t.Helper()
	address := harness.FreeAddress(t)
	f := follower{file: filepath.Join(t.TempDir(), "sync.yaml"), url: "http://" + address}
	f.writes(t, entry("a", r.url))
	f.Program = start(t, setup{env: append(env, "GITSYNC_RECEIVER_SECRET=s3cr3t"), args: []string{
		"--config=" + f.file, "--root=" + top, "--link=link", "--period=100ms", "--log-format=json", "-v=9", "--http-bind=" + address, "--receiver-bind=" + address,
	}})
	published(t, filepath.Join(top, "a"), "one")
	return f
}

// entry is a sync as the file has it.
func entry(name, url string, more ...string) string {
	return "- name: " + name + "\n  repo: " + url + "\n  " + strings.Join(more, "\n  ") + "\n"
}

// writes replaces the file, as the kubelet does.
func (f follower) writes(t *testing.T, entries ...string) {
	t.Helper()
	err := os.WriteFile(f.file+".new", []byte("syncs:\n"+strings.Join(entries, "")), 0o644)
	if err == nil {
		err = os.Rename(f.file+".new", f.file)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shows waits until the metrics hold a line.
func (f follower) shows(t *testing.T, line string) {
	t.Helper()
	harness.Until(t, line, func() bool {
		_, body := harness.Get(f.url + "/metrics")
		return strings.Contains(body, line+"\n")
	})
}

// TestReloadedSecrets: a secret that a changed file is the first to have is neither logged nor given to hooks, and the file's warnings are logged.
func TestReloadedSecrets(t *testing.T) {
	t.Parallel()
	r, top := newRemote(t), t.TempDir()
	f := follow(t, r, top, "MINE=hunter2-hunter2", "OTHER=harmless")
	seen := filepath.Join(t.TempDir(), "seen")
	hook := script(t, "env >"+seen+".new; mv "+seen+".new "+seen+"; echo hunter2-hunter2 >&2; exit 1")
	f.writes(t, entry("a", r.url), entry("b", r.url, `git-config: "http.extraHeader:X-Token: hunter2-hunter2"`, "exechook-command: "+hook, "max-staleness: 50ms"))
	f.Logs("the staleness limit is shorter than the period, so /readyz fails between polls")
	f.Logs("hook failed")
	if strings.Contains(f.Said(), "hunter2") {
		t.Error("the secret is in the log")
	}
	if env, err := os.ReadFile(seen); err != nil || strings.Contains(string(env), "hunter2") || !strings.Contains(string(env), "OTHER=harmless") {
		t.Errorf("the hook was given %s, %v", env, err)
	}
}

// TestPushesOfWhatCannotStart: a push is not accepted for a sync that cannot start.
func TestPushesOfWhatCannotStart(t *testing.T) {
	t.Parallel()
	r, top := newRemote(t), t.TempDir()
	if _, err := gitserver.Run(top, gitserver.Env(), "init", "-q", "b"); err != nil {
		t.Fatal(err)
	}
	f := follow(t, r, top)
	f.writes(t, entry("a", r.url), entry("b", r.url))
	f.Logs("cannot start")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/webhook", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer s3cr3t")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	f.shows(t, `git_sync_triggers_total{outcome="triggered",source="generic",sync="a"} 1`)
	if _, body := harness.Get(f.url + "/metrics"); strings.Contains(body, `source="generic",sync="b"`) {
		t.Error("the push counts for b")
	}
}

// TestFileComesBack: a file that could not be read for a while is valid again, although nothing in it has changed.
func TestFileComesBack(t *testing.T) {
	t.Parallel()
	f := follow(t, newRemote(t), t.TempDir())
	if err := os.Rename(f.file, f.file+".away"); err != nil {
		t.Fatal(err)
	}
	f.shows(t, "git_sync_config_valid 0")
	if err := os.Rename(f.file+".away", f.file); err != nil {
		t.Fatal(err)
	}
	f.shows(t, "git_sync_config_valid 1")
}
