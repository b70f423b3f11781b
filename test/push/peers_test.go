package push

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// fleet are replicas with addresses of their own, which find each other by a name. It stands for a headless Service.
type fleet struct {
	u     *upstream
	with  []string
	hosts string
	port  string
}

// newFleet needs a mount namespace, in which the file of hosts is the fleet's own.
func newFleet(t *testing.T, u *upstream) *fleet {
	t.Helper()
	f := &fleet{u: u, hosts: filepath.Join(t.TempDir(), "hosts")}
	f.list()
	own := []string{"unshare", "--mount"}
	if os.Geteuid() != 0 {
		own = append(own, "--map-root-user")
	}
	f.with = append(own, "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, f.hosts)
	if out, err := exec.Command(f.with[0], append(f.with[1:], "true")...).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("a mount namespace is needed: %v\n%s", err, out)
		}
		t.Skipf("skipped: no mount namespace of our own here: %s", out)
	}
	_, f.port, _ = net.SplitHostPort(harness.FreeAddress(t))
	return f
}

// list makes the name resolve to these replicas.
func (f *fleet) list(ips ...string) {
	f.u.t.Helper()
	text := ""
	for _, ip := range ips {
		text += ip + " peers.example\n"
	}
	if err := os.WriteFile(f.hosts, []byte(text), 0o644); err != nil {
		f.u.t.Fatal(err)
	}
}

func (f *fleet) replica(ip string) *mirror {
	f.u.t.Helper()
	dir := f.u.t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(f.u.secret), 0o600); err != nil {
		f.u.t.Fatal(err)
	}
	m := &mirror{Root: harness.NewRoot(dir), t: f.u.t, http: net.JoinHostPort(ip, f.port)}
	m.Program = harness.Start(f.u.t, harness.Command{With: f.with, Home: dir, Args: append(
		m.Args(f.u.url()), "--ref=main", "--ssh-key-file="+f.u.key, "--ssh-known-hosts-file="+f.u.srv.KnownHosts,
		"--period=1h", "--init-period=100ms", "--max-failures=-1", "--http-bind="+m.http, "--receiver-bind="+m.http,
		"--receiver-secret-file="+secret, "--receiver-peers=peers.example:"+f.port,
	)})
	return m
}

// forwards is how many deliveries to peers had an outcome.
func (m *mirror) forwards(outcome string) int {
	m.t.Helper()
	_, metrics := harness.Get("http://" + m.http + "/metrics")
	found := regexp.MustCompile(`(?m)^git_sync_triggers_total\{outcome="` + outcome + `",source="peer"\} (\d+)$`).FindStringSubmatch(metrics)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// TestReplicas: one delivery to one replica, and all publish. One that is down or stopped delays neither the answer nor the others.
func TestReplicas(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, sshserver.New(t), "team/docs.git")
	alice := u.clone("alice")
	f := newFleet(t, u)
	n := 0
	push := func() string {
		t.Helper()
		n++
		hash := alice.commit("page.md", fmt.Sprint("revision ", n))
		alice.git("push", "--quiet", "origin", "main")
		return hash
	}
	first := push()
	f.list("127.0.0.2", "127.0.0.3", "127.0.0.4")
	a, b, c := f.replica("127.0.0.2"), f.replica("127.0.0.3"), f.replica("127.0.0.4")
	for _, m := range []*mirror{a, b, c} {
		m.publishes(first, time.Time{})
	}
	u.tells("gitea", u.secret, a.webhook())

	hash := push()
	for _, m := range []*mirror{a, b, c} {
		m.publishes(hash, time.Time{})
	}
	a.Until("the answers of both peers", func() bool { return a.forwards("triggered") == 2 })

	// One down, one that accepts connections and does not answer.
	c.Stop()
	b.Signal(syscall.SIGSTOP)
	hash = push()
	a.publishes(hash, time.Time{})
	b.Signal(syscall.SIGCONT)
	b.publishes(hash, time.Time{})
	a.Until("the failure of the one that is down", func() bool { return a.forwards("error") > 0 })

	// One is gone, and another one has come.
	d := f.replica("127.0.0.5")
	d.publishes(hash, time.Time{})
	f.list("127.0.0.2", "127.0.0.3", "127.0.0.5")
	a.Until("the new list of peers", func() bool { // the resolver looks at the file every five seconds
		hash = push()
		a.publishes(hash, time.Time{})
		b.publishes(hash, time.Time{})
		return d.Published() == hash
	})
	failed := a.forwards("error")
	hash = alice.commit("page.md", "the last")
	u.tells("none", u.secret, a.webhook())
	alice.git("push", "--quiet", "origin", "main")
	if got, err := a.post(u.secret, "?wait=1m"); err != nil || got != hash || b.Published() != hash || d.Published() != hash {
		t.Errorf("answered %q %v, want %s; published: %s, %s", got, err, hash, b.Published(), d.Published())
	}
	if got := a.forwards("error"); got != failed {
		t.Errorf("%d deliveries failed after the peer was gone", got-failed)
	}
	for _, m := range []*mirror{b, d} {
		if got := m.forwards("triggered") + m.forwards("error"); got != 0 {
			t.Errorf("%s forwarded %d times what was forwarded to it", m.http, got)
		}
	}
}
