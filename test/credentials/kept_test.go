package credentials

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// keeping is a client that keeps its connection, with a directory for sockets that is its own.
func keeping(t *testing.T, o auth.Options) (c *client, sockets string) {
	t.Helper()
	sockets, err := socketDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	o.KeepSSH = 3 * time.Second
	return newClient(t, o, "TMPDIR="+sockets), sockets
}

// socketDir makes a directory; the names of t.TempDir are too long for a socket.
func socketDir() (string, error) { return os.MkdirTemp("/tmp", "kept") }

// settle syncs until the connection is kept, and says which process keeps it.
func settle(t *testing.T, c *client, sockets string) (pid int) {
	t.Helper()
	c.lets(t, "the first")
	c.lets(t, "the second, by which one is known to come often")
	harness.Until(t, "there is a socket", func() bool {
		found, _ := filepath.Glob(sockets + "/git-sync-ssh-*/*")
		return len(found) == 1 && !strings.Contains(filepath.Base(found[0]), ".")
	})
	found := masters(t, sockets)
	if len(found) != 1 {
		t.Fatalf("processes that keep a connection: %v", found)
	}
	return found[0]
}

// masters are the processes that have a socket below the directory in their arguments.
func masters(t *testing.T, sockets string) []int {
	t.Helper()
	var found []int
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		line, _ := os.ReadFile(name)
		if strings.Contains(string(line), "ControlPath="+sockets) && strings.Contains(string(line), "ControlMaster=yes") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, pid)
		}
	}
	return found
}

// logins counts how often the server lets somebody in while f runs.
func logins(s *sshserver.Server, f func()) int {
	before := s.Logins()
	f()
	return s.Logins() - before
}

func (c *client) times(t *testing.T, n int, when string) {
	t.Helper()
	for range n {
		c.lets(t, when)
	}
}

func TestKeptConnection(t *testing.T) {
	s := sshUpstream(t, "a.git")
	c, sockets := keeping(t, options(s, "a.git", s.NewKey("one")))
	pid := settle(t, c, sockets)
	if n := logins(s, func() { c.times(t, 10, "over the connection that is kept") }); n != 0 {
		t.Errorf("%d logins by ten syncs", n)
	}
	if fi, err := os.Stat(filepath.Dir(one(t, sockets+"/git-sync-ssh-*/*"))); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the sockets' directory: %v, %v", fi, err)
	}
	if err := c.auth.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after Close, the process that kept the connection: %v", err)
	}
	if left, _ := filepath.Glob(sockets + "/*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := c.auth.Refresh(t.Context()); err != nil || len(masters(t, sockets)) != 0 {
		t.Errorf("after Close there is another: %v, %v", masters(t, sockets), err)
	}
}

func one(t *testing.T, pattern string) string {
	t.Helper()
	found, _ := filepath.Glob(pattern)
	if len(found) != 1 {
		t.Fatalf("%s: %v", pattern, found)
	}
	return found[0]
}

// TestNoConnectionIsKept: not asked for, or not possible.
func TestNoConnectionIsKept(t *testing.T) {
	s := sshUpstream(t, "a.git")
	key := s.NewKey("one")
	plain := newClient(t, options(s, "a.git", key))
	if n := logins(s, func() { plain.times(t, 3, "plain") }); n != 3 {
		t.Errorf("%d logins by three syncs", n)
	}
	o := options(s, "a.git", auth.DefaultSSHKeyFile)
	o.GitConfig = []git.KV{{Key: "core.sshCommand", Value: s.SSHCommand(key)}}
	own, sockets := keeping(t, o)
	if n := logins(s, func() { own.times(t, 3, "the user's own ssh") }); n != 3 || len(masters(t, sockets)) != 0 {
		t.Errorf("the user's own ssh: %d logins by three syncs, kept by %v", n, masters(t, sockets))
	}
}

// TestKeptConnectionEnds takes away what is kept, in every way; no sync fails for it.
func TestKeptConnectionEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *sshserver.Server, master int){
		"the server is started anew": func(_ *testing.T, s *sshserver.Server, _ int) { s.Stop(); s.Start() },
		"its process is killed": func(t *testing.T, _ *sshserver.Server, master int) {
			if err := syscall.Kill(master, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		},
		"nothing is heard of the server": func(t *testing.T, s *sshserver.Server, _ int) { t.Cleanup(s.Hang()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sshUpstream(t, "a.git")
			c, sockets := keeping(t, options(s, "a.git", s.NewKey("one")))
			master := settle(t, c, sockets)
			c.lets(t, "before")
			end(t, s, master)
			c.lets(t, "after")
			t.Logf("%d tried again", c.stale)
			harness.Until(t, "the process that kept it has gone", func() bool { return errors.Is(syscall.Kill(master, 0), syscall.ESRCH) })
			c.times(t, 3, "later")
		})
	}
}

// TestKeptConnectionBreaks in the middle of an answer, which is not the sync's failure.
func TestKeptConnectionBreaks(t *testing.T) {
	begun := filepath.Join(t.TempDir(), "begun")
	s := sshserver.New(t, slowly(begun))
	s.NewRepo("a.git")
	c, sockets := keeping(t, options(s, "a.git", s.NewKey("one")))
	master := settle(t, c, sockets)
	if err := os.Remove(begun); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		c.lets(t, "while it breaks")
	}()
	harness.Until(t, "an answer is begun", func() bool { return exists(begun) })
	if err := syscall.Kill(master, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	<-over
	if c.stale != 1 {
		t.Errorf("tried again %d times: nothing was tested", c.stale)
	}
	c.times(t, 3, "later")
}

// slowly has sshd answer in its time, and tell by a file when it has begun to.
func slowly(begun string) string {
	return "ForceCommand touch '" + begun + "'; sleep 0.5; eval \"$SSH_ORIGINAL_COMMAND\""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestKeptConnectionHangs: the process that keeps it does nothing any more. That sync's time ends, and the next connects anew.
func TestKeptConnectionHangs(t *testing.T) {
	s := sshUpstream(t, "a.git")
	c, sockets := keeping(t, options(s, "a.git", s.NewKey("one")))
	master := settle(t, c, sockets)
	if err := syscall.Kill(master, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	overlay, err := c.auth.Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err = c.git.With(overlay).Run(ctx, git.Cmd("ls-remote").Operand(c.url)); git.KindOf(err) != git.KindTimeout {
		t.Fatalf("the sync that hangs: %v", err)
	}
	if err = c.auth.Explain(err); err == nil {
		t.Error("explained away")
	}
	if err := syscall.Kill(master, 0); !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("the process that hangs: %v", err)
	}
	c.lets(t, "the next")
}

// TestKeptConnectionRotates: what was let in by a key is not used with another, nor with another list of hosts.
func TestKeptConnectionRotates(t *testing.T) {
	s := sshUpstream(t, "a.git")
	first, second := s.NewKey("first"), s.UnknownKey("second")
	dir := t.TempDir()
	key, hosts := filepath.Join(dir, "ssh"), filepath.Join(dir, "known_hosts")
	for what, rotate := range map[string]func(){
		"key": func() {
			s.Authorise(second)
			put(t, key, get(t, second), 0o400)
		},
		"certificate": func() { put(t, key+"-cert.pub", "none that ssh understands\n", 0o444) },
		"hosts":       func() { put(t, hosts, "# the same\n"+get(t, s.KnownHosts), 0o444) },
	} {
		t.Run(what, func(t *testing.T) {
			put(t, key, get(t, first), 0o400)
			put(t, hosts, get(t, s.KnownHosts), 0o444)
			o := options(s, "a.git", key)
			o.SSHKnownHostsFile = hosts
			c, sockets := keeping(t, o)
			master := settle(t, c, sockets)
			rotate()
			if n := logins(s, func() { c.lets(t, "rotated") }); n != 1 {
				t.Errorf("%d logins by the sync after the rotation", n)
			}
			if err := syscall.Kill(master, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the process that kept the old connection: %v", err)
			}
			if err := os.Remove(key); err != nil {
				t.Fatal(err)
			}
			c.refuses(t, "the key is gone", "does not exist")
		})
	}
}

// TestKeptConnectionIsNoOtherKeys: a repository with a key of its own is not reached by what another key opened.
func TestKeptConnectionIsNoOtherKeys(t *testing.T) {
	s := sshUpstream(t, "a.git", "b.git")
	a, b := s.NewKey("a", "a.git"), s.NewKey("b", "b.git")
	o := options(s, "a.git", a)
	o.Credentials = []auth.Credential{{URL: s.URL("b.git"), SSHKeyFile: b}}
	c, sockets := keeping(t, o)
	settle(t, c, sockets)
	c.lets(t, "its own repository")
	n := logins(s, func() {
		if err := c.run(t, git.Cmd("ls-remote").Operand(s.URL("b.git"))); err != nil {
			t.Errorf("the other repository: %v", err)
		}
	})
	if n != 1 || c.stale != 0 {
		t.Errorf("%d logins for the other repository, %d of them after a refusal", n, c.stale)
	}
}

// TestProgramKeepsItsConnection: with --poll=persistent git-sync asks a server that it reaches by ssh over one connection, goes on
// when that breaks, in the middle of an answer too, without a sync that fails, and leaves nothing behind. One failure would end it.
func TestProgramKeepsItsConnection(t *testing.T) {
	begun := filepath.Join(t.TempDir(), "begun")
	s, k := overSSH(t, slowly(begun))
	k.push("one")
	sockets, err := socketDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	p := start(t, []string{"TMPDIR=" + sockets}, append(k.args, "--poll=persistent", "--max-failures=0",
		"--ssh-key-file="+s.NewKey("one"), "--ssh-known-hosts-file="+s.KnownHosts)...)
	p.publishes("one")
	polls := func() int { return strings.Count(p.Said(), "\"syncing\"") }
	more := func(n int) {
		t.Helper()
		n += polls()
		p.Until("more polls", func() bool { return polls() >= n })
	}
	p.Until("a connection to be kept", func() bool { return len(masters(t, sockets)) == 1 })
	// The pushes' own connections are of the file system, so whoever is let in is git-sync.
	p.Until("polls that make no connection of their own", func() bool { return logins(s, func() { more(3) }) == 0 })
	k.push("two")
	p.publishes("two")
	if err := os.Remove(begun); err != nil {
		t.Fatal(err)
	}
	p.Until("an answer to be begun", func() bool { return exists(begun) })
	for _, pid := range masters(t, sockets) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	more(3)
	k.push("three")
	p.publishes("three")
	p.Stop()
	p.Exits(0)
	if left := masters(t, sockets); len(left) != 0 {
		t.Errorf("processes that go on: %v", left)
	}
	if left, _ := filepath.Glob(sockets + "/*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
