package credentials

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/test/sshserver"
)

// sshUpstream is an sshd with the repositories named; they are empty, which is enough to be let in.
func sshUpstream(t *testing.T, names ...string) *sshserver.Server {
	t.Helper()
	s := sshserver.New(t)
	for _, name := range names {
		s.NewRepo(name)
	}
	return s
}

// options reach the sshd's repository with the keys.
func options(s *sshserver.Server, repo string, keys ...string) auth.Options {
	return auth.Options{URL: s.URL(repo), Settings: auth.Settings{SSHKeyFiles: keys, SSHKnownHosts: true, SSHKnownHostsFile: s.KnownHosts}}
}

func TestSSHKeys(t *testing.T) {
	t.Parallel()
	s := sshUpstream(t, "a.git", "b.git")
	alice, deploy, unknown := s.NewKey("alice"), s.NewKey("deploy", "b.git"), s.UnknownKey("unknown")
	missing := filepath.Join(t.TempDir(), "missing")

	newClient(t, options(s, "a.git", alice)).lets(t, "one key")
	newClient(t, options(s, "a.git", unknown, alice)).lets(t, "the second of two")
	newClient(t, options(s, "a.git", missing, alice)).lets(t, "the first is missing")
	newClient(t, options(s, "a.git", unknown)).refuses(t, "an unknown key", "refused the SSH key "+unknown, "SHA256:", "deploy key")
	newClient(t, options(s, "a.git", missing, unknown)).refuses(t, "an unknown and a missing key", unknown, missing+" does not exist")
	newClient(t, options(s, "a.git", missing)).refuses(t, "a missing key", missing, "does not exist", "mounted")
	newClient(t, options(s, "a.git", alice+".pub")).refuses(t, "the public key", "is the public key")
	newClient(t, options(s, "a.git", deploy)).refuses(t, "another repository's deploy key", "no such repository for the SSH key "+deploy, "deploy key")
	newClient(t, options(s, "c.git", alice)).refuses(t, "no such repository", "no such repository")
}

// TestKeyPerRepository has deploy keys that open one repository each; the server takes the first key
// that it knows, so offering all would not do.
func TestKeyPerRepository(t *testing.T) {
	t.Parallel()
	s := sshUpstream(t, "a.git", "b.git")
	a, b := s.NewKey("a", "a.git"), s.NewKey("b", "b.git")
	o := options(s, "a.git", a, b)
	c := newClient(t, o)
	c.lets(t, "the first key's repository")
	reach := func(c *client, name string) error { return c.run(t, git.Cmd("ls-remote").Operand(s.URL(name))) }
	if err := reach(c, "b.git"); err == nil {
		t.Error("the second key's repository: let in; this test proves nothing")
	}
	o.SSHKeyFiles = []string{a}
	o.Credentials = []auth.Credential{{URL: s.URL("b.git"), SSHKeyFile: b}}
	c = newClient(t, o)
	for _, name := range []string{"a.git", "b.git"} {
		if err := reach(c, name); err != nil {
			t.Errorf("%s: %v; hint: %s", name, err, hint(err))
		}
	}
}

func TestSSHKeyRotates(t *testing.T) {
	t.Parallel()
	s := sshUpstream(t, "a.git")
	one, two := s.NewKey("one"), s.UnknownKey("two")
	file := filepath.Join(t.TempDir(), "ssh")
	for name, mode := range map[string]os.FileMode{"closed": 0o400, "fsGroup": 0o440} {
		t.Run(name, func(t *testing.T) {
			s.Authorise(one)
			put(t, file, get(t, one), mode)
			c := newClient(t, options(s, "a.git", file))
			c.lets(t, "first")
			s.Revoke(one)
			c.refuses(t, "revoked", "refused the SSH key "+file)
			put(t, file, get(t, two), mode)
			s.Authorise(two)
			c.lets(t, "rotated")
			s.Revoke(two)
		})
	}
}

// TestSSHCertificate logs in by certificates of a CA that the server trusts. The server knows none of the keys.
func TestSSHCertificate(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca")
	keygen := func(args ...string) {
		if out, err := exec.Command("ssh-keygen", append([]string{"-q"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen %q: %v\n%s", args, err, out)
		}
	}
	keygen("-t", "ed25519", "-N", "", "-f", ca)
	s := sshserver.New(t, "TrustedUserCAKeys "+ca+".pub")
	s.NewRepo("a.git")
	key := s.UnknownKey("signed")
	certificate := key + "-cert.pub"
	sign := func(valid string) { keygen("-s", ca, "-I", "deploy", "-n", s.User, "-V", valid, key+".pub") }
	for _, mode := range []os.FileMode{0o600, 0o440} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, options(s, "a.git", key))
		c.refuses(t, "without", "refused the SSH key "+key)
		sign("-1h:+1h")
		c.lets(t, "valid")
		sign("20200101000000:20200102000000")
		c.refuses(t, "expired", "the certificate "+certificate+" expired at 2020-01-02T", "sign", key+".pub")
		sign("+10h:+20h")
		c.refuses(t, "not valid yet", "the certificate "+certificate+" is not valid before 20", "clock")
		sign("-1h:+1h")
		c.lets(t, "renewed")
		put(t, certificate, "garbage", 0o444)
		c.refuses(t, "damaged", "the certificate "+certificate+" is damaged")
		if err := os.Remove(certificate); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSSHKeyModesAndForms(t *testing.T) {
	t.Parallel()
	s := sshUpstream(t, "a.git")
	key := s.NewKey("alice")
	content := get(t, key)
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
	}{
		"0600":                         {content, 0o600},
		"with space, 100% odd $HOME/~": {content, 0o600},
		"0440":                         {content, 0o440}, // defaultMode: 0400 and fsGroup
		"crlf":                         {strings.ReplaceAll(content, "\n", "\r\n"), 0o600},
		"end":                          {strings.TrimSpace(content), 0o600},
	} {
		file := filepath.Join(dir, name)
		put(t, file, c.content, c.mode)
		newClient(t, options(s, "a.git", file)).lets(t, name)
	}
	open := filepath.Join(dir, "0644")
	put(t, open, content, 0o644)
	newClient(t, options(s, "a.git", open)).refuses(t, "0644", "mode 0644", "chmod 600", "defaultMode: 0400")
}

func TestKnownHosts(t *testing.T) {
	t.Parallel()
	s := sshUpstream(t, "a.git")
	key := s.NewKey("alice")
	hosts := filepath.Join(t.TempDir(), "odd name", "known_hosts")
	o := options(s, "a.git", key)
	o.SSHKnownHostsFile = hosts
	c := newClient(t, o)
	c.refuses(t, "missing", "known_hosts file "+hosts, "no such file", "--ssh-known-hosts=false")
	put(t, hosts, "", 0o444)
	c.refuses(t, "empty", "is not in "+hosts, "is empty", "ssh-keyscan -p ")
	put(t, hosts, "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n", 0o444)
	c.refuses(t, "unknown", "is not in "+hosts, "ssh-keyscan -p ")
	put(t, hosts, get(t, s.KnownHosts), 0o444)
	c.lets(t, "known")
	s.Stop()
	s.RotateHostKey()
	s.Start()
	c.refuses(t, "changed", "differs from the one in "+hosts, "intercepted")
	put(t, hosts, get(t, s.KnownHosts), 0o444)
	c.lets(t, "rotated")

	o.SSHKnownHosts = false
	newClient(t, o).lets(t, "anything goes")
	put(t, hosts, "", 0o444)
	newClient(t, o).lets(t, "anything goes, with a useless file")
}

func TestNaturalSSH(t *testing.T) {
	t.Parallel()
	s := sshUpstream(t, "a.git")
	key := s.NewKey("alice")
	o := options(s, "a.git", auth.DefaultSSHKeyFile)
	newClient(t, o, "GIT_SSH_COMMAND="+s.SSHCommand(key)).lets(t, "the user's own ssh command")
	newClient(t, o, "GIT_SSH_COMMAND="+s.SSHCommand(s.UnknownKey("x"))).refuses(t, "the user's own ssh command", "own ssh command")
	o.GitConfig = []git.KV{{Key: "core.sshCommand", Value: s.SSHCommand(key)}}
	newClient(t, o).lets(t, "core.sshCommand")
	o.GitConfig = nil
	newClient(t, o, "HOME="+t.TempDir()).refuses(t, "nothing at all", "no key was offered", auth.DefaultSSHKeyFile)
}
