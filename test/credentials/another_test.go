package credentials

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-logr/logr/funcr"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/pkg/secret"
	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// job is one sync for another process to do.
type job struct {
	PasswordFile            string
	URL, Username, Password string
	SSHKeyFiles             []string
	SSHKnownHosts, AddUser  bool
	SSHKnownHostsFile       string
	Env                     []string
}

const jobVariable = "CREDENTIALS_TEST_JOB"

// runAsAnother does the job that the environment holds, if any. It prints what came of it.
func runAsAnother() bool {
	text := os.Getenv(jobVariable)
	if text == "" {
		return false
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		fmt.Println("ERROR", err)
		return true
	}
	if err := j.do(context.Background()); err != nil {
		fmt.Printf("ERROR %v; hint: %s\n", err, hint(err))
		return true
	}
	fmt.Println("OK")
	return true
}

func (j job) do(ctx context.Context) (err error) {
	o := auth.Options{URL: j.URL, AddUser: j.AddUser, Settings: auth.Settings{
		Username: j.Username, Password: secret.Text(j.Password), PasswordFile: j.PasswordFile,
		SSHKeyFiles: j.SSHKeyFiles, SSHKnownHosts: j.SSHKnownHosts, SSHKnownHostsFile: j.SSHKnownHostsFile,
	}}
	if o.Self, err = os.Executable(); err != nil {
		return err
	}
	o.Log = funcr.New(func(prefix, args string) { fmt.Println("LOG", prefix, args) }, funcr.Options{})
	o.Learned = func(string) {}
	a := auth.New(o)
	defer a.Close()
	g, err := git.New(ctx, git.Options{Env: j.Env})
	if err != nil {
		return err
	}
	overlay, err := a.Refresh(ctx)
	if err != nil {
		return err
	}
	_, err = g.With(overlay).Run(ctx, git.Cmd("ls-remote").Operand(o.URL))
	return a.Explain(err)
}

// doAs has a job done by a process of that UID, started by the program named, if any (strace, say). It
// returns what it printed.
func doAs(t *testing.T, uid int, o auth.Options, by ...string) string {
	t.Helper()
	// The test's own executable lies in a directory that other users may not enter.
	dir := openDir(t)
	self := filepath.Join(dir, "client")
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	harness.Executable(t, self, string(program))
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}
	text, err := json.Marshal(job{
		URL: o.URL, Username: o.Username, Password: o.Password.Reveal(), PasswordFile: o.PasswordFile,
		SSHKeyFiles: o.SSHKeyFiles, SSHKnownHosts: o.SSHKnownHosts, SSHKnownHostsFile: o.SSHKnownHostsFile, AddUser: o.AddUser,
		Env: env,
	})
	if err != nil {
		t.Fatal(err)
	}
	line := append(by, self)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = dir
	cmd.Env = append(env, jobVariable+"="+string(text))
	if uid != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	t.Logf("as UID %d: %s", uid, said)
	return string(said)
}

// openDir is a temporary directory that everybody can read.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} { // the upper one is private
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// nobody is a UID that no passwd file names.
const nobody = 1234567

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
}

// TestUIDWithoutName runs ssh as "docker run --user" does.
func TestUIDWithoutName(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := sshUpstream(t, "a.git")
	dir := openDir(t)
	file := filepath.Join(dir, "ssh")
	put(t, file, get(t, s.NewKey("alice")), 0o400)
	hosts := filepath.Join(dir, "known_hosts")
	put(t, hosts, get(t, s.KnownHosts), 0o444)
	o := options(s, "a.git", file)
	o.SSHKnownHostsFile = hosts

	// Root's own, as in a secret without fsGroup.
	if said := doAs(t, nobody, o); !strings.Contains(said, "ERROR") || !strings.Contains(said, "permission denied") ||
		!strings.Contains(said, "belongs to UID 0, GID 0, has mode 0400") || !strings.Contains(said, fmt.Sprintf("fsGroup: %d", nobody)) {
		t.Errorf("an unreadable key: %s", said)
	}
	if err := os.Chown(file, 0, nobody); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o440); err != nil {
		t.Fatal(err)
	}
	wrapper, err := filepath.Glob("/usr/lib/*/libnss_wrapper.so*")
	if err != nil {
		t.Fatal(err)
	}
	o.AddUser = true
	if len(wrapper) == 0 {
		// /etc/passwd is root's: a warning, and ssh's refusal explained.
		if said := doAs(t, nobody, o); !strings.Contains(said, "LOG") || !strings.Contains(said, "without a name") {
			t.Errorf("without nss_wrapper: %s", said)
		}
		sshserver.Require(t, "libnss_wrapper.so", "libnss-wrapper")
	}
	if said := doAs(t, nobody, o); said != "OK\n" {
		t.Errorf("as fsGroup makes it, root's: %s", said)
	}
	for name, mode := range map[string]os.FileMode{"closed": 0o400, "ours, group-readable": 0o440} {
		if err := os.Chown(file, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if said := doAs(t, nobody, o); said != "OK\n" {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// TestSSHNeedsAName shows that the explanation of git's error is about what ssh really says.
func TestSSHNeedsAName(t *testing.T) {
	t.Parallel()
	needRoot(t)
	cmd := exec.Command(sshserver.Require(t, "ssh", "openssh-client"), "-o", "BatchMode=yes", "-p", "1", "127.0.0.1", "true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	said, _ := cmd.CombinedOutput()
	if !strings.Contains(string(said), "No user exists for uid") {
		t.Fatalf("ssh says %q", said)
	}
	c := newClient(t, auth.Options{URL: "git@127.0.0.1:x"})
	err := c.auth.Explain(&git.Error{Op: "fetch", Kind: git.KindUnsupported, Stderr: string(said)})
	if !strings.Contains(err.Error(), "without a name") || !strings.Contains(hint(err), "--add-user") {
		t.Errorf("got %v; hint: %s", err, hint(err))
	}
}

// TestSSHNeedsNoShell traces all programs that a sync over ssh starts.
func TestSSHNeedsNoShell(t *testing.T) {
	t.Parallel()
	strace := sshserver.Require(t, "strace", "strace")
	s := sshUpstream(t, "a.git")
	trace := filepath.Join(t.TempDir(), "trace")
	if said := doAs(t, os.Getuid(), options(s, "a.git", s.NewKey("alice")), strace, "-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-o", trace); said != "OK\n" {
		t.Fatal(said)
	}
	programs := get(t, trace)
	if strings.Count(programs, "/client\"") < 2 {
		t.Errorf("git did not run our executable:\n%s", programs)
	}
	for _, shell := range []string{"/sh\"", "/dash\"", "/bash\""} {
		if strings.Contains(programs, shell) {
			t.Errorf("a shell was run:\n%s", programs)
		}
	}
}
