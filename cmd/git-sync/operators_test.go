package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// TestRestartDuringOutage: what an alert on stale content needs survives a restart while the remote is down, and the log says what
// is still published.
func TestRestartDuringOutage(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	root, at := t.TempDir(), harness.FreeAddress(t)
	begin := func() *harness.Program {
		return start(t, setup{args: args(r.url, root, "--period=50ms", "--http-bind="+at, "--http-metrics")})
	}
	metric := func(name string) string {
		_, body := harness.Get("http://" + at + "/metrics")
		m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(body)
		if m == nil {
			return ""
		}
		return m[1]
	}
	p := begin()
	p.Logs("published revision")
	harness.Until(t, "the first success", func() bool { return metric("git_sync_last_success_timestamp_seconds") > "0" })
	hash := p.Lines("published revision")[0]["hash"]
	p.Signal(syscall.SIGTERM)
	p.Exits(exitDone)

	r.Fail(gitserver.Rule{Do: gitserver.Status(503)})
	p = begin()
	p.Logs("sync failed")
	harness.Until(t, "a failure", func() bool { return metric("git_sync_consecutive_failures") > "0" })
	if got := metric("git_sync_last_success_timestamp_seconds"); got == "0" || got == "" {
		t.Errorf("after a restart, the last success is %q", got)
	}
	if line := p.Lines("sync failed")[0]; line["published"] != hash || line["times"] != nil {
		t.Errorf("%v does not say that %v is still published", line, hash)
	}
	r.Heal()
	if line := p.Logs("recovered"); line["after"] == nil {
		t.Errorf("%v does not say after how long", line)
	}
}

// TestGivingUp: the last line has the cause, the number of failures and the option that decided, and not that anything is tried again.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	full, empty := newRemote(t), gitserver.NewRepo(t)
	for _, options := range [][]string{
		args("https://127.0.0.1:1/x", t.TempDir()), args(empty.FileURL(), t.TempDir()),
		args(full.url, t.TempDir(), "--ref=mian"), args(full.url, t.TempDir(), "--subdir=absent"),
	} {
		p := start(t, setup{args: append(options, "--period=10ms", "--max-failures=2")})
		p.Exits(exitFailed)
		line := p.Logs("giving up")
		if text, _ := line["error"].(string); !strings.HasSuffix(text, " (consecutive failures: 2; --max-failures=2)") || line["hint"] == nil {
			t.Errorf("%v", line)
		}
		said := strings.ToLower(fmt.Sprint(line))
		for _, promise := range []string{"again", "retr", "until", "wait"} {
			if strings.Contains(said, promise) {
				t.Errorf("%s promises another attempt", said)
			}
		}
	}
}

// TestFailingHookIsShown: the output of a hook that fails is in the log at -v 0, whichever hook it is.
func TestFailingHookIsShown(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	hook := filepath.Join(t.TempDir(), "hook")
	harness.Executable(t, hook, "#!/bin/sh\necho to stdout\necho to stderr >&2\necho the end >&2\nexit 3\n")
	for option, msg := range map[string]string{"--exechook-command": "hook failed", "--pre-publish-exechook-command": "sync failed"} {
		p := start(t, setup{args: args(r.url, t.TempDir(), option+"="+hook)})
		if line := p.Logs(msg); line["helper"] != "to stdout\nto stderr\nthe end" {
			t.Errorf("%s: %v", option, line)
		}
	}
}
