package push

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"git-sync/test/harness"
)

// mirror is a git-sync that would poll once an hour: whatever happens in a test was pushed to it.
type mirror struct {
	*harness.Program
	harness.Root
	t    *testing.T
	http string // host:port of everything it serves
}

func (u *upstream) mirror(args ...string) *mirror {
	u.t.Helper()
	dir := u.t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(u.secret+"\n"), 0o600); err != nil {
		u.t.Fatal(err)
	}
	m := &mirror{Root: harness.NewRoot(dir), t: u.t, http: harness.FreeAddress(u.t)}
	m.Program = harness.Start(u.t, harness.Command{Home: dir, Args: append(append(m.Args(u.url()),
		"--ssh-key-file="+u.key, "--ssh-known-hosts-file="+u.srv.KnownHosts, "--period=1h", "--init-period=100ms", "--max-failures=-1",
		"--http-bind="+m.http, "--http-metrics", "--receiver-bind="+m.http, "--receiver-secret-file="+secret, "-v=2",
	), args...)})
	u.t.Cleanup(m.Stop)
	return m
}

func (m *mirror) webhook() string { return "http://" + m.http + "/webhook" }

// publishes waits until the commit is published, says how long that took since the push, and waits until the sync is over:
// then it is counted.
func (m *mirror) publishes(hash string, since time.Time) {
	m.t.Helper()
	m.Publishes(m.t, hash)
	if !since.IsZero() {
		m.t.Logf("published %s after the push: %s", time.Since(since).Round(time.Millisecond), hash[:8])
	}
	m.Until("end of the sync that published "+hash, func() bool {
		var status struct {
			Running   bool
			Published *struct{ Hash string }
		}
		_, body := harness.Get("http://" + m.http + "/status")
		return json.Unmarshal([]byte(body), &status) == nil &&
			!status.Running && status.Published != nil && status.Published.Hash == hash
	})
}

// syncs is the number of syncs that the metrics count.
func (m *mirror) syncs() int {
	m.t.Helper()
	status, metrics := harness.Get("http://" + m.http + "/metrics")
	if status != 200 {
		m.t.Fatal(metrics)
	}
	total := 0
	for _, found := range regexp.MustCompile(`(?m)^git_sync_count_total\{[^}]*\} (\d+)$`).FindAllStringSubmatch(metrics, -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			m.t.Fatal(err)
		}
		total += n
	}
	return total
}

// post is curl's POST with the bearer token, as a pipeline would do it.
func (m *mirror) post(secret, query string) (string, error) {
	out, err := exec.Command("curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "60",
		"--request", "POST", "--header", "Authorization: Bearer "+secret, m.webhook()+query).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
