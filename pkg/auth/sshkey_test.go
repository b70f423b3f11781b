package auth

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/pkg/proc"
)

// keygen makes a key pair with the real ssh-keygen.
func keygen(t testing.TB, file string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("ssh-keygen")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("ssh-keygen is missing: apt-get install openssh-client")
		}
		t.Skip("ssh-keygen is missing: apt-get install openssh-client")
	}
	out, err := exec.Command(path, append([]string{"-q", "-C", "", "-f", file}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// accepts reports whether OpenSSH itself can use a private key file.
func accepts(t testing.TB, file string) bool {
	t.Helper()
	out, err := exec.Command("ssh-keygen", "-y", "-P", "", "-f", file).CombinedOutput()
	if err != nil {
		t.Logf("%s: %s", file, bytes.TrimSpace(out))
	}
	return err == nil
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestInspectKey compares what we say about keys with what OpenSSH does with them, and what OpenSSH
// does with what we hand it instead.
func TestInspectKey(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	keygen(t, file("ed25519"), "-t", "ed25519", "-N", "")
	keygen(t, file("rsa.pem"), "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "")
	keygen(t, file("ecdsa.pkcs8"), "-t", "ecdsa", "-m", "PKCS8", "-N", "")
	keygen(t, file("encrypted"), "-t", "ed25519", "-N", "passphrase")
	keygen(t, file("encrypted.pem"), "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "passphrase")
	keygen(t, file("encrypted.pkcs8"), "-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "passphrase")
	good := read(t, file("ed25519"))
	write(t, file("0440"), good, 0o440)
	write(t, file("0660"), good, 0o660)
	write(t, file("0644"), good, 0o644)
	write(t, file("0400"), good, 0o400)
	write(t, file("crlf"), bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")), 0o600)
	write(t, file("unended"), bytes.TrimSpace(good), 0o600)
	write(t, file("indented-start"), append([]byte("\n  "), good...), 0o600)
	write(t, file("empty"), nil, 0o600)
	write(t, file("garbage"), []byte("hello\n"), 0o600)
	write(t, file("ppk"), []byte("PuTTY-User-Key-File-3: ssh-ed25519\n"), 0o600)
	write(t, file("base64"), []byte("LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZLS0tLS0K"), 0o600)
	write(t, file("cut"), append(bytes.Clone(good[:len(good)/2]), []byte("\n-----END OPENSSH PRIVATE KEY-----\n")...), 0o600)

	for name, want := range map[string]struct {
		missing bool
		problem string
		private bool // we hand over a copy
		refused bool // OpenSSH would not take the file itself
	}{
		"ed25519":         {},
		"rsa.pem":         {},
		"ecdsa.pkcs8":     {},
		"0400":            {},
		"0440":            {private: true, refused: true},
		"0660":            {private: true, refused: true},
		"crlf":            {private: true, refused: true},
		"unended":         {private: true, refused: true},
		"indented-start":  {private: true, refused: true},
		"0644":            {problem: "has mode 0644", refused: true},
		"encrypted":       {problem: "passphrase", refused: true},
		"encrypted.pem":   {problem: "passphrase", refused: true},
		"encrypted.pkcs8": {problem: "passphrase", refused: true},
		"ed25519.pub":     {problem: "public key", refused: true},
		"empty":           {problem: "is empty", refused: true},
		"garbage":         {problem: "not a private key", refused: true},
		"ppk":             {problem: "PuTTY", refused: true},
		"base64":          {problem: "base64", refused: true},
		"cut":             {problem: "not a private key", refused: true},
		"missing":         {missing: true, problem: "does not exist", refused: true},
		".":               {problem: "directory", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			k := inspectKey(file(name))
			if k.missing != want.missing || (k.problem == "") != (want.problem == "") || !strings.Contains(k.problem, want.problem) || k.private != want.private {
				t.Errorf("got missing %v, problem %q, private %v; want %+v", k.missing, k.problem, k.private, want)
			}
			if (k.problem == "") != (k.advice == "") {
				t.Errorf("problem %q, advice %q", k.problem, k.advice)
			}
			if got := accepts(t, file(name)); got == want.refused {
				t.Errorf("OpenSSH takes the file itself: %v", got)
			}
			if k.problem != "" {
				return
			}
			mem := memFiles{}
			defer mem.close()
			path, err := mem.put("key", k.content)
			if err != nil {
				t.Fatal(err)
			}
			if !accepts(t, path) {
				t.Error("OpenSSH does not take our copy")
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k")
	keygen(t, file, "-t", "ed25519", "-N", "")
	out, err := exec.Command("ssh-keygen", "-l", "-f", file+".pub").Output()
	if err != nil {
		t.Fatal(err)
	}
	if k := inspectKey(file); k.fingerprint == "" || !strings.Contains(string(out), " "+k.fingerprint+" ") {
		t.Errorf("got %q, ssh-keygen says %s", k.fingerprint, out)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\n-----END OPENSSH PRIVATE KEY-----\n"))
	f.Add([]byte("ssh-ed25519 AAAA"))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----"))
	f.Fuzz(func(t *testing.T, content []byte) {
		k := sshKey{path: "k"}
		k.parse(content)
		if (k.problem == "") != (k.content != nil) {
			t.Errorf("inconsistent: %+v", k)
		}
	})
}

func TestMemFiles(t *testing.T) {
	m := memFiles{}
	defer m.close()
	first, err := m.put("a", []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(first)
	if err != nil || fi.Mode().Perm() != 0o400 || string(read(t, first)) != "one" {
		t.Errorf("%v %v", fi, err)
	}
	second, err := m.put("a", []byte("two"))
	if err != nil || string(read(t, second)) != "two" || len(m) != 1 {
		t.Errorf("%v %d", err, len(m))
	}
	if same, err := m.put("a", []byte("two")); err != nil || same != second || string(read(t, same)) != "two" {
		t.Errorf("content that did not change: %v, %s after %s", err, same, second)
	}
	m.close()
	if _, err := os.Stat(second); err == nil {
		t.Error("still there after close")
	}
}

func address(user, host, port, path string) git.SSHAddress {
	return git.SSHAddress{User: user, Host: host, Port: port, Path: path}
}

func TestParseSSH(t *testing.T) {
	for raw, want := range map[string]git.SSHAddress{
		"git@github.com:org/repo.git":           address("git", "github.com", "", "org/repo"),
		"github.com:/org/repo":                  address("", "github.com", "", "org/repo"),
		"ssh://git@github.com/org/repo.git/":    address("git", "github.com", "", "org/repo"),
		"ssh://github.com:2222/org/repo.git":    address("", "github.com", "2222", "org/repo"),
		"ssh://a@b@[::1]:22/x":                  address("a@b", "::1", "22", "x"),
		"git+ssh://host/x":                      address("", "host", "", "x"),
		"git@[::1]:x":                           address("git", "::1", "", "x"),
		"ssh://host":                            address("", "host", "", ""),
		"alias:repositories/some where/x.y.git": address("", "alias", "", "repositories/some where/x.y"),
	} {
		if got, ok := parseSSH(raw); !ok || got != want {
			t.Errorf("%s: got %+v %v", raw, got, ok)
		}
	}
	for _, raw := range []string{"", "https://host/x", "file:///x", "/path/with:colon", "./a:b", "git://host/x", ":x", "ssh:///x"} {
		if got, ok := parseSSH(raw); ok {
			t.Errorf("%s was taken for %+v", raw, got)
		}
	}
}

func FuzzParseSSH(f *testing.F) {
	f.Add("git@github.com:org/repo.git")
	f.Add("ssh://a@b@[::1]:22/x")
	f.Add("]:")
	f.Add("user@:path")
	f.Fuzz(func(t *testing.T, raw string) {
		if got, ok := parseSSH(raw); ok && got.Host == "" {
			t.Errorf("%q has no host", raw)
		}
		targetOf(strings.Fields(raw))
	})
}

func TestTargetOf(t *testing.T) {
	for line, want := range map[string]git.SSHAddress{
		"-o|SendEnv=GIT_PROTOCOL|-p|2222|git@host|git-upload-pack '/org/repo.git'": address("git", "host", "2222", "org/repo"),
		"host|git-upload-pack 'org/it'\\''s.git'":                                  address("", "host", "22", "org/it"),
		"-4|host|git-upload-pack '~user/x'":                                        address("", "host", "22", "~user/x"),
		"-p|22|--|git@host|git-lfs-authenticate org/repo.git download":             address("git", "host", "22", "org/repo"),
		"-oControlMaster=auto|git@host|git-lfs-authenticate|org/repo.git|download": address("git", "host", "22", "org/repo"),
		"-o|SendEnv=GIT_PROTOCOL|git@host|git-upload-pack '/a b/c.git'":            address("git", "host", "22", "a b/c"),
		"-p": address("", "", "22", ""),
		"":   address("", "", "22", ""),
	} {
		if got := targetOf(strings.Split(line, "|")); got != want {
			t.Errorf("%s: got %+v, want %+v", line, got, want)
		}
	}
}

func TestRuleFor(t *testing.T) {
	p := sshPlan{Rules: []sshRule{
		{Target: git.SSHAddress{Host: "host"}, Keys: []string{"host"}},
		{Target: git.SSHAddress{Host: "host", Path: "org/a"}, Keys: []string{"a"}},
		{Target: git.SSHAddress{Host: "host", Port: "2222"}, Keys: []string{"port"}},
		{Target: git.SSHAddress{Host: "third", User: "deploy"}, Keys: []string{"deploy"}},
	}}
	for _, c := range []struct {
		target git.SSHAddress
		want   string
	}{
		{address("git", "HOST", "22", "org/b"), "host"},
		{address("git", "host", "22", "org/a"), "a"},
		{address("git", "host", "22", "org/ab"), "host"},
		{address("git", "other", "22", "org/a"), ""},
		{address("git", "third", "22", "x"), ""},
		{address("deploy", "third", "22", "x"), "deploy"},
	} {
		rule, ok := p.ruleFor(c.target)
		if got := strings.Join(rule.Keys, ","); got != c.want || ok != (c.want != "") {
			t.Errorf("%+v: got %q, want %q", c.target, got, c.want)
		}
	}
}

func planOf(t testing.TB, env []string) sshPlan {
	t.Helper()
	var p sshPlan
	if err := json.Unmarshal([]byte(proc.Getenv(env, sshVariable)), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSSHProblemsBeforeTheAttempt checks the problems that are found without asking the server.
func TestSSHProblemsBeforeTheAttempt(t *testing.T) {
	dir := t.TempDir()
	good, hosts := filepath.Join(dir, "good"), filepath.Join(dir, "known_hosts")
	keygen(t, good, "-t", "ed25519", "-N", "")
	write(t, hosts, []byte("host ssh-ed25519 AAAA\n"), 0o444)
	public := good + ".pub"
	missing := filepath.Join(dir, "missing")
	for name, c := range map[string]struct {
		keys  []string
		hosts string
		want  string // "" for success
	}{
		"good":                  {[]string{good}, hosts, ""},
		"one of two":            {[]string{missing, good}, hosts, ""},
		"missing":               {[]string{missing}, hosts, "does not exist"},
		"none of two":           {[]string{missing, public}, hosts, "public key"},
		"missing known_hosts":   {[]string{good}, missing, "known_hosts file"},
		"default but not there": {[]string{DefaultSSHKeyFile}, hosts, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{URL: "git@host:x", Settings: Settings{SSHKeyFiles: c.keys, SSHKnownHosts: true, SSHKnownHostsFile: c.hosts}}
			overlay, err := newAuth(t, o).Refresh(t.Context())
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if p := planOf(t, overlay.Env); !slices.Contains(p.Options, "UserKnownHostsFile="+hosts) || !slices.Contains(p.Options, "BatchMode=yes") {
					t.Errorf("plan %+v", p)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || hint(err) == "" {
				t.Errorf("got %v, hint %q", err, hint(err))
			}
			// For a repository over https they matter to submodules at most.
			o.URL = "https://host/x"
			if _, err := newAuth(t, o).Refresh(t.Context()); err != nil {
				t.Errorf("https: %v", err)
			}
		})
	}
}

func TestKeyOfOneRepository(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "theme")
	o := Options{URL: "https://host/x", Env: []string{"GIT_SSH_COMMAND=ssh -v"}, Settings: Settings{SSHKeyFiles: []string{DefaultSSHKeyFile}, Credentials: []Credential{{URL: "git@host:theme.git", SSHKeyFile: file}}}}
	if _, err := newAuth(t, o).Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), file+": does not exist") {
		t.Errorf("missing: %v", err)
	}
	keygen(t, file, "-t", "ed25519", "-N", "")
	overlay, err := newAuth(t, o).Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := planOf(t, overlay.Env); len(p.Rules) != 1 || p.Rules[0].Target.Path != "theme" || !slices.Contains(p.Rules[0].Keys, file) {
		t.Errorf("plan %+v", p)
	}
}

func TestKnownHostsOff(t *testing.T) {
	dir := t.TempDir()
	keygen(t, filepath.Join(dir, "k"), "-t", "ed25519", "-N", "")
	o, err := newAuth(t, Options{URL: "git@host:x", Settings: Settings{SSHKeyFiles: []string{filepath.Join(dir, "k")}}}).Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := planOf(t, o.Env); !slices.Contains(p.Options, "StrictHostKeyChecking=no") || !slices.Contains(p.Keys, "IdentitiesOnly=yes") {
		t.Errorf("plan %+v", p)
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/usr/bin/git-sync": "/usr/bin/git-sync",
		"/a b/it's":         `'/a b/it'\''s'`,
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestPasswd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwd")
	write(t, file, []byte("root:x:0:0:root:/root:/bin/sh\nbroken\n"), 0o644)
	if !hasPasswd(file, 0) || hasPasswd(file, 12345) || hasPasswd(filepath.Join(file, "x"), 0) {
		t.Error("wrong about who is there")
	}
	if err := appendPasswd(file, passwdLine("/home/x")); err != nil {
		t.Fatal(err)
	}
	if !hasPasswd(file, os.Getuid()) {
		t.Errorf("not added: %s", read(t, file))
	}
	if got := passwdLine("/evil:0:0\nroot::0:0::/:/bin/sh"); strings.Count(got, "\n") != 1 || strings.Count(got, ":") != 6 {
		t.Errorf("a home makes a line of its own: %q", got)
	}
	if err := appendPasswd(filepath.Join(t.TempDir(), "missing"), "x"); err == nil {
		t.Error("/etc/passwd was created")
	}
}
