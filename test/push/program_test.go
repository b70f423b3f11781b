package push

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is git-sync itself, built once for all tests that want it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// build builds it in a directory that outlives the test.
func build() {
	if built.dir, built.err = os.MkdirTemp("", "push-binary-"); built.err != nil {
		return
	}
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", built.dir, "git-sync/cmd/git-sync").CombinedOutput()
	if err != nil {
		built.err = fmt.Errorf("building git-sync: %w\n%s", err, out)
	}
}

func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(build)
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "git-sync")
}

// child is a program that runs beside the test until its end.
type child struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	said bytes.Buffer
}

func start(t *testing.T, cmd *exec.Cmd) *child {
	t.Helper()
	c := &child{t: t, name: filepath.Base(cmd.Path), cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c, c, patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		c.stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", c.name, c.log())
		}
	})
	return c
}

// Write takes what it says.
func (c *child) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.Write(p)
}

func (c *child) log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.String()
}

func (c *child) stop() {
	select {
	case <-c.done: // its number may be another's by now
		return
	default:
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-c.done:
	case <-time.After(patience):
		_ = c.cmd.Process.Kill()
		c.t.Errorf("%s did not stop", c.name)
	}
}

// mirror is a git-sync that would poll once an hour: whatever happens in a test was pushed to it.
type mirror struct {
	*child
	link string // what it publishes
	http string // host:port of everything it serves
}

func (u *upstream) mirror(args ...string) *mirror {
	u.t.Helper()
	dir := u.t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(u.secret+"\n"), 0o600); err != nil {
		u.t.Fatal(err)
	}
	m := &mirror{link: filepath.Join(dir, "root", "docs"), http: freeAddr(u.t)}
	cmd := exec.Command(binary(u.t), append([]string{
		"--repo=" + u.url(), "--ssh-key-file=" + u.key, "--ssh-known-hosts-file=" + u.srv.KnownHosts,
		"--root=" + filepath.Dir(m.link), "--link=docs", "--period=1h", "--init-period=100ms", "--max-failures=-1",
		"--http-bind=" + m.http, "--http-metrics", "--receiver-bind=" + m.http, "--receiver-secret-file=" + secret, "-v=2",
	}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}
	m.child = start(u.t, cmd)
	return m
}

func (m *mirror) webhook() string { return "http://" + m.http + "/webhook" }

// hash is what is published, "" if nothing is.
func (m *mirror) hash() string {
	out, err := tryGit([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1"}, "-C", m.link, "-c", "safe.directory=*", "rev-parse", "HEAD")
	if err != nil {
		return ""
	}
	return out
}

// publishes waits until the link holds the commit, says how long that took since the push, and waits until the sync is over:
// then it is counted.
func (m *mirror) publishes(hash string, since time.Time) {
	m.t.Helper()
	until(m.t, "publication of "+hash, func() bool { return m.hash() == hash })
	if !since.IsZero() {
		m.t.Logf("published %s after the push: %s", time.Since(since).Round(time.Millisecond), hash[:8])
	}
	until(m.t, "end of the sync that published "+hash, func() bool {
		var status struct {
			Running   bool
			Published *struct{ Hash string }
		}
		body, err := tryGet("http://" + m.http + "/status")
		return err == nil && json.Unmarshal([]byte(body), &status) == nil &&
			!status.Running && status.Published != nil && status.Published.Hash == hash
	})
}

// syncs is the number of syncs that the metrics count.
func (m *mirror) syncs() int {
	m.t.Helper()
	total := 0
	for _, found := range regexp.MustCompile(`(?m)^git_sync_count_total\{[^}]*\} (\d+)$`).FindAllStringSubmatch(get(m.t, "http://"+m.http+"/metrics"), -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			m.t.Fatal(err)
		}
		total += n
	}
	return total
}

func get(t *testing.T, url string) string {
	t.Helper()
	body, err := tryGet(url)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func tryGet(url string) (string, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// post is curl's POST with the bearer token, as a pipeline would do it.
func (m *mirror) post(secret, query string) (string, error) {
	out, err := exec.Command("curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "60",
		"--request", "POST", "--header", "Authorization: Bearer "+secret, m.webhook()+query).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
