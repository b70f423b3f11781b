// Package signing signs commits and tags of an upstream with real keys, OpenPGP and SSH, made for one test.
package signing

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/sshserver"
)

// Who signs, and has an e-mail address by which the keys are known.
const Who = "test@example.com"

// Signer has one key.
type Signer struct {
	// Public is a file in the form that is given to git-sync: public OpenPGP keys, or allowed signers of ssh-keygen's.
	Public string
	// Key is the public key itself: an SSH key's .pub file; empty for OpenPGP.
	Key string
	// Env is what gpg needs to find the key.
	Env []string

	t      testing.TB
	config []string
}

// SSH makes a signer with an SSH key. It skips the test where ssh-keygen is missing.
func SSH(t testing.TB) Signer {
	t.Helper()
	sshserver.Require(t, "ssh-keygen", "openssh-client")
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	run(t, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", key)
	pub, err := os.ReadFile(key + ".pub")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "allowed"), []byte(Who+" "+string(pub)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Signer{t: t, config: []string{"-c", "gpg.format=ssh", "-c", "user.signingKey=" + key}, Public: filepath.Join(dir, "allowed"), Key: key + ".pub"}
}

// PGP makes a signer with an OpenPGP key. It skips the test where gpg is missing.
func PGP(t testing.TB) Signer {
	t.Helper()
	sshserver.Require(t, "gpg", "gnupg")
	home, err := shortDir()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"GNUPGHOME=" + home}
	t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--kill", "all")
		cmd.Env = append(os.Environ(), env...)
		_ = cmd.Run()
		_ = os.RemoveAll(home)
	})
	run(t, env, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "Test <"+Who+">", "ed25519", "sign", "never")
	public := filepath.Join(t.TempDir(), "keys.asc")
	run(t, env, "gpg", "--batch", "--quiet", "--armor", "--output", public, "--export")
	return Signer{t: t, Env: env, config: []string{"-c", "user.signingKey=" + Who}, Public: public}
}

// shortDir makes a directory in which the sockets of gpg's agent may have their names, at most 107 bytes with it.
func shortDir() (string, error) { return os.MkdirTemp("/tmp", "gpg-") }

// Commit makes a signed commit on main and returns its hash.
func (s Signer) Commit(up *gitserver.Repo, files map[string]string) string {
	s.t.Helper()
	plain := up.Commit(files)
	hash := strings.TrimSpace(s.git(up, "commit-tree", "-S", "-p", plain, "-m", "signed", plain+"^{tree}"))
	up.Set("refs/heads/main", hash)
	return hash
}

// Tag makes or moves a signed tag.
func (s Signer) Tag(up *gitserver.Repo, name, rev string) {
	s.t.Helper()
	s.git(up, "tag", "-f", "-s", "-m", name, name, rev)
}

func (s Signer) git(up *gitserver.Repo, args ...string) string {
	s.t.Helper()
	return run(s.t, s.Env, "git", append(append([]string{"--git-dir=" + up.Dir}, s.config...), args...)...)
}

func run(t testing.TB, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(gitserver.Env(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}
