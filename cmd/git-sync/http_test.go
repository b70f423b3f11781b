package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

func TestReadiness(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	open := make(chan struct{})
	r.Fail(gitserver.Rule{Do: gitserver.Gate(open)})
	at := harness.FreeAddress(t)
	start(t, setup{args: args(r.url, t.TempDir(), "--period=1h", "--http-bind="+at, "--http-metrics")})
	r.Await(gitserver.Info, 1)
	for path, want := range map[string]int{"/": 503, "/readyz": 503, "/livez": 200, "/healthz": 200, "/status": 200, "/metrics": 200, "/debug/pprof/": 404} {
		if got := status("http://" + at + path); got != want {
			t.Errorf("before anything is published, %s answers %d, want %d", path, got, want)
		}
	}
	close(open)
	harness.Until(t, "readiness", func() bool { return status("http://"+at+"/readyz") == 200 })
	if got := status("http://" + at + "/"); got != 200 {
		t.Errorf("/ answers %d", got)
	}
}

// push posts what curl in a pipeline would.
func push(url, secret string) (int, string, error) {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func TestPushIsPublishedAtOnce(t *testing.T) {
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprintf("shared port: %v", shared), func(t *testing.T) {
			t.Parallel()
			r := newRemote(t)
			root := t.TempDir()
			operators, forges := harness.FreeAddress(t), harness.FreeAddress(t)
			if shared {
				forges = operators
			}
			secret := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(secret, []byte("from-a-file\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			p := start(t, setup{args: args(r.url, root, "--period=1h", "--http-bind="+operators, "--http-metrics", "--http-pprof",
				"--receiver-bind="+forges, "--receiver-secret-file="+secret, "-v=9")})
			published(t, root, "one")
			url := "http://" + forges + "/webhook"
			if code, _, err := push(url, "wrong"); err != nil || code != 401 && code != 403 {
				t.Errorf("a wrong secret: %d, %v", code, err)
			}
			hash := r.repo.Commit(map[string]string{"file": "two"})
			code, body, err := push(url+"?wait=20s", "from-a-file")
			if err != nil || code/100 != 2 || !strings.Contains(body, hash) {
				t.Errorf("a push: %d %q, %v", code, body, err)
			}
			if content(root, "file") != "two" {
				t.Error("answered before it was published")
			}
			if strings.Contains(p.Said(), "from-a-file") {
				t.Error("the secret is in the log")
			}
			if !shared { // X6
				for _, path := range []string{"/metrics", "/debug/pprof/", "/status", "/"} {
					if got := status("http://" + forges + path); got != 404 {
						t.Errorf("the receiver's port answers %d to %s", got, path)
					}
				}
			}
			p.Signal(syscall.SIGTERM)
			p.Exits(exitDone)
		})
	}
}
