// Package sshserver runs a real OpenSSH sshd on a loopback port for tests, with
// bare git repositories behind it.
//
// It hides everything that makes an sshd private to one test: its own host key,
// configuration, authorised keys and log below a temporary directory, a port of its
// own, an environment for its sessions in which git sees no configuration of the
// machine, and the removal of the listener together with the sessions it forked. It
// runs as whoever runs the test, root or not, and that user is who logs in.
//
// Nothing of the system's is read or written, with one exception: an sshd that is
// started by root insists on the empty directory /run/sshd, which is made if it is
// missing.
//
// Invariants: no process outlives the test; a stopped server comes back on the same
// port with the same keys; a key that is not authorised gets nowhere.
package sshserver

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"git-sync/test/harness"
)

// startup is how long sshd may take until it greets: a machine that is busy with other tests is slow.
const startup = 20 * time.Second

// Server is one sshd. Its methods fail the test instead of returning errors; all of
// them may be called from any goroutine of the test, but Start and Stop not at once.
type Server struct {
	// Port is where it listens on 127.0.0.1, the same after Stop and Start.
	Port int
	// User is who logs in: the user who runs the test.
	User string
	// KnownHosts is the path of a known_hosts file that holds the host key, and that alone.
	KnownHosts string
	// Dir is where the bare repositories are.
	Dir string

	t      testing.TB
	sshd   string
	base   string
	mu     sync.Mutex
	keys   map[string]string // private key path -> its line in authorized_keys
	listen *exec.Cmd
	exited chan struct{}
}

// New starts an sshd that ends with the test. It skips the test, naming the Debian
// package, when a program is missing; with CI=true it fails it.
//
// The lines of config are put before the server's own, so that they win (in
// sshd_config the first value counts): "MaxStartups 1", say.
func New(t testing.TB, config ...string) *Server {
	t.Helper()
	s := &Server{
		t:    t,
		sshd: Require(t, "sshd", "openssh-server"),
		base: t.TempDir(),
		keys: make(map[string]string),
	}
	Require(t, "ssh", "openssh-client")
	Require(t, "ssh-keygen", "openssh-client")
	Require(t, "git", "git")
	s.User = login(t)
	s.Dir = filepath.Join(s.base, "repos")
	s.KnownHosts = filepath.Join(s.base, "known_hosts")
	s.must(os.Mkdir(s.Dir, 0o755))
	if os.Geteuid() == 0 {
		s.must(os.MkdirAll("/run/sshd", 0o755))
	}
	s.Port = freePort(t)
	s.configure(config)
	s.RotateHostKey()
	s.authorise()
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Require finds a program that the Debian package pkg brings, also in the sbin
// directories. Where it is missing the test is skipped, or failed with CI=true.
func Require(t testing.TB, program, pkg string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	missing(t, "%s is missing: apt-get install %s", program, pkg)
	return ""
}

// login is the name of the user who runs the test, if an sshd lets that user in at all: it asks
// /etc/passwd who that is and which shell to run commands with.
func login(t testing.TB) string {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		missing(t, "sshd lets in only users that have a passwd entry, UID %d has none", os.Getuid())
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		missing(t, "sshd lets in only users that have a passwd entry: %v", err)
	}
	for line := range strings.Lines(string(passwd)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 7 || fields[0] != me.Username {
			continue
		}
		if shell := filepath.Base(fields[6]); shell == "nologin" || shell == "false" {
			missing(t, "sshd runs commands with the user's shell, and that of %s is %s", me.Username, fields[6])
		}
	}
	return me.Username
}

// missing skips the test for want of something, or fails it with CI=true.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// URL is the ssh:// URL of the repository of that name below Dir.
func (s *Server) URL(name string) string {
	return fmt.Sprintf("ssh://%s@127.0.0.1:%d%s", s.User, s.Port, filepath.Join(s.Dir, name))
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// NewRepo makes an empty bare repository whose HEAD is main, and returns its directory.
func (s *Server) NewRepo(name string) string {
	s.t.Helper()
	dir := filepath.Join(s.Dir, name)
	s.run("git", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", dir)
	return dir
}

// PostReceive installs a hook, a whole shell script, that the repository runs after each push.
func (s *Server) PostReceive(name, script string) {
	s.t.Helper()
	dir := filepath.Join(s.Dir, name, "hooks")
	s.must(os.MkdirAll(dir, 0o755))
	harness.Executable(s.t, filepath.Join(dir, "post-receive"), script)
}

// Log is all that sshd has logged so far, at level VERBOSE: each key that was offered and what came of it.
func (s *Server) Log() string {
	log, _ := os.ReadFile(s.path("sshd.log"))
	return string(log)
}

// SSHCommand is a value for GIT_SSH_COMMAND that uses the key, the server's
// known_hosts and nothing of the machine's.
func (s *Server) SSHCommand(key string) string {
	return fmt.Sprintf("ssh -F /dev/null -i '%s' -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes"+
		" -o StrictHostKeyChecking=yes -o UserKnownHostsFile='%s' -o GlobalKnownHostsFile=/dev/null", key, s.KnownHosts)
}

// GitEnv is a complete environment for a git that reaches this server with the key,
// commits as a test user and sees no configuration of the machine.
func (s *Server) GitEnv(key string) []string {
	return append(privateEnv(),
		"GIT_SSH_COMMAND="+s.SSHCommand(key),
		"GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.com",
		"GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@example.com",
	)
}

func privateEnv() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
	}
}

func (s *Server) configure(first []string) {
	lines := append(first,
		"ListenAddress 127.0.0.1:"+strconv.Itoa(s.Port),
		"HostKey "+s.path("host_key"),
		"AuthorizedKeysFile "+s.path("authorized_keys"),
		"PidFile none",
		"LogLevel VERBOSE",
		"UsePAM no",
		"UseDNS no",
		"StrictModes no", // temporary directories belong to whoever
		"PermitRootLogin prohibit-password",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"PrintMotd no",
		"PermitUserRC no",
		"MaxStartups 200",
		"AcceptEnv GIT_PROTOCOL",
		// The login shell would read what the home directory has for it.
		"SetEnv HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null LC_ALL=C PATH="+os.Getenv("PATH"),
	)
	if s.penalizes() {
		lines = append(lines, "PerSourcePenalties no")
	}
	s.must(os.WriteFile(s.path("sshd_config"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// penalizes reports whether this sshd refuses connections after failed logins, as OpenSSH 9.8
// and later do. Older ones do not start with an option that they do not know.
func (s *Server) penalizes() bool {
	out, _ := exec.Command(s.sshd, "-t", "-f", "/dev/null", "-o", "PerSourcePenalties=no").CombinedOutput() // may fail: no host key
	return !bytes.Contains(out, []byte("Bad configuration option"))
}

func (s *Server) path(name string) string { return filepath.Join(s.base, name) }

func (s *Server) run(name string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = privateEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// greets says whether an sshd answers at addr with its banner.
func greets(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	banner := make([]byte, 4)
	if err := conn.SetDeadline(time.Now().Add(startup)); err != nil {
		return false
	}
	_, err = conn.Read(banner)
	return err == nil && bytes.Equal(banner, []byte("SSH-"))
}
