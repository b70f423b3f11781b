package repo

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
)

// signer signs commits and tags with real keys of one kind.
type signer struct {
	env, config []string
	public      string // what is given to git-sync
}

func needs(t *testing.T, program, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing (Debian package %s)", program, pkg)
		}
		t.Skipf("%s is missing (Debian package %s)", program, pkg)
	}
}

func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(gitserver.Env(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func sshSigner(t *testing.T) signer {
	t.Helper()
	needs(t, "ssh-keygen", "openssh-client")
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	run(t, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", key)
	pub, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "allowed"), "test@example.com "+string(pub))
	return signer{config: []string{"-c", "gpg.format=ssh", "-c", "user.signingKey=" + key}, public: filepath.Join(dir, "allowed")}
}

func pgpSigner(t *testing.T) signer {
	t.Helper()
	needs(t, "gpg", "gnupg")
	home := t.TempDir()
	if len(home) > 60 {
		t.Fatalf("the sockets of gpg's agent need a shorter TMPDIR than %s", home)
	}
	env := []string{"GNUPGHOME=" + home}
	t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--kill", "all")
		cmd.Env = append(os.Environ(), env...)
		_ = cmd.Run()
	})
	run(t, env, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "Test <test@example.com>", "ed25519", "sign", "never")
	public := filepath.Join(t.TempDir(), "keys.asc")
	run(t, env, "gpg", "--batch", "--quiet", "--armor", "--output", public, "--export")
	return signer{env: env, config: []string{"-c", "user.signingKey=test@example.com"}, public: public}
}

// commit makes a signed commit on main.
func (s signer) commit(t *testing.T, up *gitserver.Repo, files map[string]string) string {
	t.Helper()
	plain := up.Commit(files)
	args := append([]string{"--git-dir=" + up.Dir}, s.config...)
	args = append(args, "commit-tree", "-S", "-p", plain, "-m", "signed", plain+"^{tree}")
	hash := strings.TrimSpace(run(t, s.env, "git", args...))
	up.Set("refs/heads/main", hash)
	return hash
}

func (s signer) tag(t *testing.T, up *gitserver.Repo, name, rev string) {
	t.Helper()
	args := append([]string{"--git-dir=" + up.Dir}, s.config...)
	run(t, s.env, "git", append(args, "tag", "-f", "-s", "-m", name, name, rev)...)
}

func TestVerify(t *testing.T) {
	for kind, make := range map[string]func(*testing.T) signer{"ssh": sshSigner, "pgp": pgpSigner} {
		trust := func(o *Options, s signer) {
			o.Trust = git.Trust{}
			if kind == "ssh" {
				o.Trust.AllowedSigners = s.public
			} else {
				o.Trust.Keyring = s.public
			}
		}
		refused := func(t *testing.T, f *fixture, last string) {
			t.Helper()
			_, err := f.try()
			var unverified *UnverifiedError
			if !errors.As(err, &unverified) || unverified.Hint() == "" {
				t.Fatalf("not refused: %v", err)
			}
			if last != "" {
				f.published(last)
			}
		}
		t.Run(kind+" commits", func(t *testing.T) {
			listed, stranger := make(t), make(t)
			f := newFixture(t, func(o *Options) { o.Verify = VerifyCommit; trust(o, listed) })
			f.up.Commit(map[string]string{"a": "unsigned"})
			refused(t, f, "")
			good := listed.commit(t, f.up, map[string]string{"a": "1"})
			f.sync(good)
			f.up.Commit(map[string]string{"a": "unsigned"})
			refused(t, f, good)
			stranger.commit(t, f.up, map[string]string{"a": "by somebody else"})
			refused(t, f, good)
			if f.repo.Stats().Unverified != 3 {
				t.Errorf("Stats().Unverified = %d, want 3", f.repo.Stats().Unverified)
			}
			again := listed.commit(t, f.up, map[string]string{"a": "2"})
			f.sync(again)
			if tree := f.sync(again); tree.New {
				t.Error("an unchanged remote gives a new tree")
			}
			// A root that was published without verifying is looked at as well.
			if err := f.restart(func(o *Options) { trust(o, stranger) }); err != nil {
				t.Fatal(err)
			}
			refused(t, f, again)
		})
		t.Run(kind+" tags", func(t *testing.T) {
			listed := make(t)
			f := newFixture(t, func(o *Options) { o.Verify, o.Ref = VerifyTag, "v1"; trust(o, listed) })
			first := f.up.Commit(map[string]string{"a": "1"})
			f.up.Tag("v1", first)
			refused(t, f, "")
			f.up.AnnotatedTag("v1", first)
			refused(t, f, "")
			listed.tag(t, f.up, "v1", first)
			f.sync(first)
			if err := f.restart(func(o *Options) { o.Verify = VerifyAny }); err != nil {
				t.Fatal(err)
			}
			f.sync(first)
			f.up.Tag("v1", listed.commit(t, f.up, map[string]string{"a": "2"}))
			f.sync(f.up.Rev("refs/tags/v1"))
		})
	}
}
