package git_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
	"git-sync/test/sshserver"
)

// These tests make each failure happen for real and look at what is made of it.

// expect checks an error's kind, that it has an advice, and parts of its text.
func expect(t *testing.T, err error, kind git.Kind, parts ...string) *git.Error {
	t.Helper()
	var e *git.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v", err)
	}
	if e.Kind != kind {
		t.Errorf("kind is %q, not %q; git said\n%s", e.Kind, kind, e.Stderr)
	}
	if e.Hint() == "" && kind != git.KindUnknown && kind != git.KindCanceled && kind != git.KindDenied {
		t.Error("there is no hint")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not tell %q", err, part)
		}
	}
	t.Logf("%v\nhint: %s", err, e.Hint())
	return e
}

// noHost is a name that has no address. It is too long to be asked for: no question
// leaves the machine.
func noHost() string { return strings.Repeat("x", 64) + ".invalid" }

func lsRemote(t *testing.T, g *git.Git, url string) error {
	t.Helper()
	_, err := g.Run(t.Context(), git.Cmd("ls-remote").Operand(url))
	return err
}

// upstream is a repository with some commits, and a git to fetch it with.
func upstream(t *testing.T) *gitserver.Repo {
	t.Helper()
	up := gitserver.NewRepo(t)
	up.BigTree(200)
	return up
}

func fetch(dir, url, refspec string) *git.Command {
	return git.Cmd("fetch", "--no-tags", "--depth=1").GitDir(dir).Operand(url, refspec)
}

func TestProvokeNetwork(t *testing.T) {
	g := newGit(t)
	t.Run("refused", func(t *testing.T) {
		for _, url := range []string{"http://127.0.0.1:1/x", "git://127.0.0.1:1/x"} {
			expect(t, lsRemote(t, g, url), git.KindNetwork, "127.0.0.1")
		}
	})
	t.Run("no such host", func(t *testing.T) {
		for _, scheme := range []string{"http", "git"} {
			expect(t, lsRemote(t, g, scheme+"://"+noHost()+"/x"), git.KindNetwork, noHost())
		}
	})
	t.Run("proxy", func(t *testing.T) {
		p := newGit(t, "http_proxy=http://127.0.0.1:1")
		expect(t, lsRemote(t, p, "http://host.invalid/x"), git.KindNetwork)
	})
	t.Run("reset", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		}()
		for _, scheme := range []string{"http", "git"} {
			expect(t, lsRemote(t, g, scheme+"://"+l.Addr().String()+"/x"), git.KindNetwork)
		}
	})
	t.Run("no answer to packets", func(t *testing.T) {
		up := upstream(t)
		s := gitserver.HTTP(t, up)
		s.DropPackets()
		expect(t, lsRemote(t, g.WithTimeouts(100*time.Millisecond, "1"), s.RepoURL(up)), git.KindNetwork, "no connection to "+strings.TrimPrefix(s.URL, "http://"))
	})
	t.Run("silence", func(t *testing.T) {
		up := upstream(t)
		s := gitserver.HTTP(t, up)
		s.Fail(gitserver.Rule{On: gitserver.LsRefs, Do: gitserver.Silence()})
		expect(t, lsRemote(t, g.WithTimeouts(time.Minute, "1"), s.RepoURL(up)), git.KindNetwork, "Operation too slow")
	})
	t.Run("cut", func(t *testing.T) {
		up := upstream(t)
		s := gitserver.HTTP(t, up)
		dir := emptyStore(t, g)
		for percent := 0; percent <= 90; percent += 15 {
			s.Fail(gitserver.Rule{On: gitserver.Fetch, Do: gitserver.CutAtPercent(percent)})
			_, err := g.Run(t.Context(), fetch(dir, s.RepoURL(up), "refs/heads/main"))
			expect(t, err, git.KindNetwork)
		}
	})
}

func TestProvokeTLS(t *testing.T) {
	up := upstream(t)
	s := gitserver.HTTPS(t, up)
	url := s.RepoURL(up)
	t.Run("unknown authority", func(t *testing.T) {
		expect(t, lsRemote(t, newGit(t), url), git.KindTLS)
	})
	g := newGit(t, "GIT_SSL_CAINFO="+s.CAFile)
	t.Run("good", func(t *testing.T) {
		if err := lsRemote(t, g, url); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []gitserver.Certificate{gitserver.Expired, gitserver.WrongHost} {
		t.Run(string(c), func(t *testing.T) {
			s.Present(c)
			expect(t, lsRemote(t, g, url), git.KindTLS)
		})
	}
	t.Run("no authority file", func(t *testing.T) {
		expect(t, lsRemote(t, newGit(t, "GIT_SSL_CAINFO=/nonexistent"), url), git.KindTLS)
	})
	t.Run("not TLS", func(t *testing.T) {
		plain := gitserver.HTTP(t, up)
		expect(t, lsRemote(t, g, "https"+strings.TrimPrefix(plain.RepoURL(up), "http")), git.KindTLS)
	})
}

func TestProvokeHTTPStatus(t *testing.T) {
	g := newGit(t)
	up := upstream(t)
	s := gitserver.HTTP(t, up)
	dir := emptyStore(t, g)
	for _, c := range []struct {
		name    string
		status  int
		headers []string
		kind    git.Kind
		after   time.Duration
	}{
		{"401", 401, nil, git.KindAuth, 0},
		{"403", 403, nil, git.KindAuth, 0},
		{"403 for asking too often", 403, []string{"X-RateLimit-Remaining", "0", "Retry-After", "90"}, git.KindRateLimited, 90 * time.Second},
		{"404", 404, nil, git.KindRepoNotFound, 0},
		{"410", 410, nil, git.KindRepoNotFound, 0},
		{"429", 429, []string{"Retry-After", "120"}, git.KindRateLimited, 2 * time.Minute},
		{"429 without delay", 429, nil, git.KindRateLimited, 0},
		{"500", 500, nil, git.KindServer, 0},
		{"503", 503, []string{"Retry-After", "30"}, git.KindServer, 30 * time.Second},
		{"504", 504, nil, git.KindServer, 0},
	} {
		for _, on := range []gitserver.Kind{gitserver.Info, gitserver.Fetch} {
			if on == gitserver.Fetch && (c.status == 401 || c.status == 404 || c.status == 410) {
				continue // those come first
			}
			t.Run(c.name+" on "+string(on), func(t *testing.T) {
				s.Fail(gitserver.Rule{On: on, Do: gitserver.Status(c.status, c.headers...)})
				_, err := g.Run(t.Context(), fetch(dir, s.RepoURL(up), "refs/heads/main"))
				if e := expect(t, err, c.kind); e.RetryAfter() != c.after {
					t.Errorf("to be tried again after %v, not %v", e.RetryAfter(), c.after)
				}
			})
		}
	}
	t.Run("wrong password", func(t *testing.T) {
		s.Heal()
		s.Require(gitserver.Basic("me", "right"))
		e := expect(t, lsRemote(t, g, strings.Replace(s.RepoURL(up), "://", "://me:wrong-one@", 1)), git.KindAuth, "Authentication failed")
		if strings.Contains(e.Error()+e.Stderr, "wrong-one") {
			t.Error("the error holds the password")
		}
	})
	t.Run("a web page", func(t *testing.T) {
		s.Require(nil)
		s.Fail(gitserver.Rule{Do: gitserver.Status(200)})
		expect(t, lsRemote(t, g, s.RepoURL(up)), git.KindRepoNotFound)
	})
}

func TestProvokeRepoNotFound(t *testing.T) {
	g := newGit(t)
	up := upstream(t)
	missing := filepath.Join(filepath.Dir(up.Dir), "nope.git")
	daemon := gitserver.Daemon(t, up)
	for _, url := range []string{
		"file://" + missing, missing, gitserver.HTTP(t, up).URL + "/nope.git", daemon[:strings.LastIndex(daemon, "/")] + "/nope.git",
	} {
		expect(t, lsRemote(t, g, url), git.KindRepoNotFound)
	}
}

func TestProvokeRefNotFound(t *testing.T) {
	g := newGit(t)
	up := upstream(t)
	dir := emptyStore(t, g)
	none := strings.Repeat("12", 20)
	for _, url := range []string{up.FileURL(), gitserver.HTTP(t, up).RepoURL(up), gitserver.Daemon(t, up)} {
		for ref, kind := range map[string]git.Kind{"refs/heads/nope": git.KindRefNotFound, none: git.KindLagging} {
			_, err := g.Run(t.Context(), fetch(dir, url, ref))
			expect(t, err, kind, ref)
		}
	}
	_, err := g.Run(t.Context(), git.Cmd("ls-remote", "--exit-code").Operand(up.FileURL(), "refs/heads/nope"))
	expect(t, err, git.KindRefNotFound)
	t.Run("empty", func(t *testing.T) {
		_, err := g.Run(t.Context(), fetch(dir, gitserver.NewRepo(t).FileURL(), "HEAD"))
		expect(t, err, git.KindEmptyRemote)
	})
}

func TestProvokeSSH(t *testing.T) {
	s := sshserver.New(t)
	s.NewRepo("x.git")
	key := s.NewKey("known")
	with := func(command string) *git.Git { return newGit(t, "GIT_SSH_COMMAND="+command) }
	if err := lsRemote(t, with(s.SSHCommand(key)), s.URL("x.git")); err != nil {
		t.Fatal(err)
	}
	t.Run("repository not found", func(t *testing.T) {
		expect(t, lsRemote(t, with(s.SSHCommand(key)), s.URL("nope.git")), git.KindRepoNotFound)
	})
	t.Run("key refused", func(t *testing.T) {
		expect(t, lsRemote(t, with(s.SSHCommand(s.UnknownKey("stranger"))), s.URL("x.git")), git.KindAuth, "Permission denied")
	})
	t.Run("key missing", func(t *testing.T) {
		expect(t, lsRemote(t, with(s.SSHCommand("/nonexistent")), s.URL("x.git")), git.KindAuth)
	})
	t.Run("key readable by others", func(t *testing.T) {
		open := s.NewKey("open")
		if err := os.Chmod(open, 0o644); err != nil {
			t.Fatal(err)
		}
		expect(t, lsRemote(t, with(s.SSHCommand(open)), s.URL("x.git")), git.KindAuth)
	})
	t.Run("host unknown", func(t *testing.T) {
		command := strings.ReplaceAll(s.SSHCommand(key), s.KnownHosts, "/dev/null")
		expect(t, lsRemote(t, with(command), s.URL("x.git")), git.KindHostKey)
	})
	t.Run("refused", func(t *testing.T) {
		expect(t, lsRemote(t, with(s.SSHCommand(key)), "ssh://git@127.0.0.1:1/x"), git.KindNetwork, "Connection refused")
	})
	t.Run("no such host", func(t *testing.T) {
		expect(t, lsRemote(t, with(s.SSHCommand(key)), "ssh://git@"+noHost()+"/x"), git.KindNetwork, "Could not resolve hostname")
	})
	t.Run("no ssh", func(t *testing.T) {
		expect(t, lsRemote(t, with("no-such-ssh"), s.URL("x.git")), git.KindUnsupported)
	})
	t.Run("connection closed", func(t *testing.T) {
		proxy := gitserver.NewProxy(t, s.Addr())
		proxy.Treat(gitserver.Treatment{Refuse: true})
		expect(t, lsRemote(t, with(s.SSHCommand(key)), "ssh://git@"+proxy.Addr+"/x"), git.KindNetwork)
	})
	t.Run("host changed", func(t *testing.T) {
		old, err := os.ReadFile(s.KnownHosts)
		if err != nil {
			t.Fatal(err)
		}
		s.Stop()
		s.RotateHostKey()
		s.Start()
		file := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(file, old, 0o600); err != nil {
			t.Fatal(err)
		}
		command := strings.ReplaceAll(s.SSHCommand(key), s.KnownHosts, file)
		expect(t, lsRemote(t, with(command), s.URL("x.git")), git.KindHostKey)
	})
}

func TestProvokeRefused(t *testing.T) {
	g := newGit(t)
	expect(t, lsRemote(t, g, "ftp://127.0.0.1/x"), git.KindRefused)
	t.Run("of another user", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("needs root, to give a file away")
		}
		up := upstream(t)
		err := filepath.Walk(up.Dir, func(path string, _ os.FileInfo, _ error) error { return os.Lchown(path, 12345, 12345) })
		if err != nil {
			t.Fatal(err)
		}
		err = lsRemote(t, g, up.FileURL())
		if err == nil {
			t.Skip("this git does not mind (those from 2.45.2 do not)")
		}
		if e := expect(t, err, git.KindRefused, "dubious ownership"); !strings.Contains(e.Hint(), "--git-config=safe.directory:") {
			t.Errorf("hint %q does not name the option", e.Hint())
		}
		// It is the remote half of git that minds, which sees nothing of GIT_CONFIG_COUNT.
		for _, dir := range []string{up.Dir, "*"} {
			trusting := g.With(git.Overlay{Config: []git.KV{{Key: "safe.Directory", Value: dir}}})
			if err := lsRemote(t, trusting.WithUmask(0o027), up.FileURL()); err != nil {
				t.Errorf("safe.directory=%s: %v", dir, err)
			}
		}
	})
}

func TestProvokeUnsupported(t *testing.T) {
	g := newGit(t)
	_, err := g.Run(t.Context(), git.Cmd("no-such-command"))
	expect(t, err, git.KindUnsupported)
	_, err = g.Run(t.Context(), git.Cmd("ls-remote", "--no-such-option"))
	expect(t, err, git.KindUnsupported)
}

func TestProvokeLocked(t *testing.T) {
	g := newGit(t)
	up := upstream(t)
	dir := emptyStore(t, g)
	if err := os.WriteFile(filepath.Join(dir, "shallow.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := g.Run(t.Context(), fetch(dir, up.FileURL(), "refs/heads/main"))
	expect(t, err, git.KindLocked, "shallow.lock")
}

func TestProvokeFullDisk(t *testing.T) {
	small := tmpfs(t, "size=64k")
	g := newGit(t)
	up := gitserver.NewRepo(t)
	noise := make([]byte, 200<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	up.Commit(map[string]string{"noise": string(noise)})
	s := gitserver.HTTP(t, up)
	must(t, g, git.Cmd("init", "--quiet", "--bare", "--template=").Operand(small+"/x"))
	for _, url := range []string{up.FileURL(), s.RepoURL(up)} {
		_, err := g.Run(t.Context(), fetch(small+"/x", url, "refs/heads/main"))
		expect(t, err, git.KindNoSpace, "No space left")
	}
}

// TestBigFileInLittleMemory has git fetch and check out a file that is larger than the
// memory that each of its processes may have.
func TestBigFileInLittleMemory(t *testing.T) {
	up := gitserver.NewRepo(t)
	noise := make([]byte, 24<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	up.Commit(map[string]string{"noise": string(noise)})
	g := newGitWith(t, git.Options{Path: script(t, `ulimit -d 20000; exec git "$@"`)})
	for _, limit := range []string{"1", "100"} { // kept as a pack; unpacked
		dir, tree := emptyStore(t, g), t.TempDir()
		must(t, g, fetch(dir, gitserver.HTTP(t, up).RepoURL(up), "+refs/heads/main:refs/heads/main").Config(git.KV{Key: "fetch.unpackLimit", Value: limit}))
		must(t, g, git.Cmd("read-tree", "-m", "-u", "refs/heads/main").GitDir(dir).WorkTree(tree))
		got, err := os.ReadFile(filepath.Join(tree, "noise"))
		if err != nil || !bytes.Equal(got, noise) {
			t.Errorf("another file arrived: %d bytes, %v", len(got), err)
		}
	}
}

func TestProvokeReadOnly(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	g := newGit(t)
	must(t, g, git.Cmd("init", "--quiet", "--bare", "--template=").Operand(dir+"/x"))
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, err := g.Run(t.Context(), fetch(dir+"/x", upstream(t).FileURL(), "refs/heads/main"))
	expect(t, err, git.KindReadOnly)
}

// tmpfs mounts a file system for the test.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skip("mounting is not allowed here: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestProvokePermission(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	g := newGit(t)
	up := upstream(t)
	dir := emptyStore(t, g)
	objects := filepath.Join(dir, "objects")
	if err := os.Chmod(objects, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(objects, 0o700)
	// Loose objects need new directories there.
	_, err := g.Run(t.Context(), fetch(dir, up.FileURL(), "refs/heads/main").Config(git.KV{Key: "fetch.unpackLimit", Value: "10000"}))
	expect(t, err, git.KindPermission)
}

// TestProvokeIO: address 0 of a process's memory is the one place where anybody can
// have an I/O error without a broken disk.
func TestProvokeIO(t *testing.T) {
	g := newGit(t)
	broken, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skip(err)
	}
	defer broken.Close()
	_, err = g.Run(t.Context(), git.Cmd("unpack-objects").GitDir(emptyStore(t, g)).Stdin(broken))
	expect(t, err, git.KindIO)
}

// store has a commit with one file in a work tree, its objects loose or packed.
func store(t *testing.T, g *git.Git, pack bool) (dir, tree string) {
	t.Helper()
	up := gitserver.NewRepo(t)
	up.Commit(map[string]string{"a": strings.Repeat("some text\n", 1000), "b": "another"})
	dir, tree = emptyStore(t, g), t.TempDir()
	c := git.Cmd("fetch", "--quiet").GitDir(dir).Operand(up.FileURL(), "+refs/heads/*:refs/heads/*")
	limit := "1000"
	if pack {
		limit = "1"
	}
	must(t, g, c.Config(git.KV{Key: "fetch.unpackLimit", Value: limit}))
	must(t, g, git.Cmd("read-tree", "HEAD").GitDir(dir).WorkTree(tree))
	return dir, tree
}

// damage replaces the one file that matches pattern by what change makes of it.
func damage(t *testing.T, pattern string, change func([]byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatal(pattern, files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(files[0]), os.WriteFile(files[0], change(b), 0o400)); err != nil {
		t.Fatal(err)
	}
}

// TestProvokeCorrupt: D2.
func TestProvokeCorrupt(t *testing.T) {
	g := newGit(t)
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:min(n, len(b)-1)] } }
	garble := func(b []byte) []byte { return append(append(b[:2:2], []byte("garbage")...), b[9:]...) }
	half := func(b []byte) []byte { return b[:len(b)/2] }
	for _, c := range []struct {
		name, file string
		change     func([]byte) []byte
	}{
		{"empty object", "object", cut(0)},
		{"cut object", "object", cut(10)},
		{"garbled object", "object", garble},
		{"empty pack", "objects/pack/*.pack", cut(0)},
		{"cut pack", "objects/pack/*.pack", half},
		{"garbled pack", "objects/pack/*.pack", func(b []byte) []byte {
			return append(append(bytes.Clone(b[:len(b)-40]), make([]byte, 20)...), b[len(b)-20:]...)
		}},
		{"empty pack index", "objects/pack/*.idx", cut(0)},
		{"cut pack index", "objects/pack/*.idx", half},
		{"empty index", "index", cut(0)},
		{"garbled index", "index", garble},
		{"cut configuration", "config", func([]byte) []byte { return []byte("[core") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, tree := store(t, g, strings.HasPrefix(c.file, "objects/pack"))
			file := c.file
			if file == "object" {
				hash := strings.TrimSpace(must(t, g, git.Cmd("rev-parse", "HEAD:a").GitDir(dir)))
				file = "objects/" + hash[:2] + "/" + hash[2:]
			}
			damage(t, filepath.Join(dir, file), c.change)
			_, err := g.Run(t.Context(), git.Cmd("checkout-index", "-a", "-f").GitDir(dir).WorkTree(tree))
			expect(t, err, git.KindCorrupt)
		})
	}
}

// TestNotProvedCorrupt: what is missing, killed or outside of our store proves nothing.
func TestNotProvedCorrupt(t *testing.T) {
	g := newGit(t)
	t.Run("missing object", func(t *testing.T) {
		dir, tree := store(t, g, false)
		hash := strings.TrimSpace(must(t, g, git.Cmd("rev-parse", "HEAD:a").GitDir(dir)))
		if err := os.Remove(filepath.Join(dir, "objects", hash[:2], hash[2:])); err != nil {
			t.Fatal(err)
		}
		_, err := g.Run(t.Context(), git.Cmd("checkout-index", "-a", "-f").GitDir(dir).WorkTree(tree))
		expect(t, err, git.KindUnknown)
	})
	t.Run("damaged remote", func(t *testing.T) {
		up := upstream(t)
		up.Git("repack", "-adq")
		damage(t, filepath.Join(up.Dir, "objects/pack/*.pack"), func(b []byte) []byte {
			return append(append(bytes.Clone(b[:len(b)/2]), make([]byte, 50)...), b[len(b)/2+50:]...)
		})
		for _, url := range []string{up.FileURL(), gitserver.HTTP(t, up).RepoURL(up)} {
			_, err := g.Run(t.Context(), fetch(emptyStore(t, g), url, "refs/heads/main"))
			if kind := git.KindOf(err); kind != git.KindServer && kind != git.KindNetwork {
				expect(t, err, git.KindServer)
			}
		}
	})
	t.Run("killed", func(t *testing.T) {
		path := script(t, `if [ "$1" = version ]; then echo git version 2.40.0; else echo 'error: object file x is empty
fatal: loose object x (stored in x) is corrupt' >&2; kill -9 $$; fi`)
		_, err := newGitWith(t, git.Options{Path: path}).Run(t.Context(), git.Cmd("checkout-index"))
		expect(t, err, git.KindKilled, "killed")
	})
	t.Run("timed out", func(t *testing.T) {
		path := script(t, `if [ "$1" = version ]; then echo git version 2.40.0; else echo 'fatal: loose object x (stored in x) is corrupt' >&2; exec sleep 100; fi`)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := newGitWith(t, git.Options{Path: path}).Run(ctx, git.Cmd("checkout-index"))
		expect(t, err, git.KindTimeout)
	})
	t.Run("helper killed", func(t *testing.T) {
		path := script(t, `if [ "$1" = version ]; then echo git version 2.40.0; else echo 'error: index-pack died of signal 9
fatal: fetch-pack: invalid index-pack output' >&2; exit 128; fi`)
		_, err := newGitWith(t, git.Options{Path: path}).Run(t.Context(), git.Cmd("fetch"))
		expect(t, err, git.KindKilled)
	})
}

func TestProvokeDirectoryMissing(t *testing.T) {
	_, err := newGit(t).Run(t.Context(), git.Cmd("status").GitDir("/nonexistent"))
	expect(t, err, git.KindUnknown, "/nonexistent")
	if !errors.Is(err, syscall.ENOENT) {
		t.Errorf("error is %v", err)
	}
}
