package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"git-sync/pkg/proc"
)

// Trust holds the keys whose signatures count. Only what is listed counts: the
// user's own keyring and configuration are not looked at.
type Trust struct {
	// Keyring is a file of OpenPGP public keys, armored or not; empty: none.
	Keyring string
	// AllowedSigners is a file as ssh-keygen(1) describes it; empty: none.
	AllowedSigners string
	// Home is a directory for gpg, private to us; it is made anew each time.
	Home string
}

// VerifyCommit returns nil when the commit object in gitDir has a good
// signature by one of the keys; git, gpg and ssh-keygen do the work. A
// signature that is missing, bad, expired, revoked or by another key is an
// error that says so.
func (g *Git) VerifyCommit(ctx context.Context, gitDir, object string, t Trust) error {
	return g.verify(ctx, Cmd("verify-commit").GitDir(gitDir).Operand(object), t)
}

// VerifyTag is VerifyCommit for an annotated tag.
func (g *Git) VerifyTag(ctx context.Context, gitDir, object string, t Trust) error {
	return g.verify(ctx, Cmd("verify-tag").GitDir(gitDir).Operand(object), t)
}

var (
	errUnsigned = errors.New("it is not signed")
	errUnknown  = errors.New("it is signed by a key that is not listed")
)

func (g *Git) verify(ctx context.Context, c *Command, t Trust) error {
	err := errors.Join(canRead("--verify-keyring", t.Keyring), canRead("--verify-allowed-signers", t.AllowedSigners))
	if err == nil {
		err = g.importKeys(ctx, t)
	}
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(t.Home) }() // in the way of nobody; made anew the next time
	signers := t.AllowedSigners
	if signers == "" {
		signers = "/dev/null" // git wants one named; nobody is listed in it
	}
	c.Env("GNUPGHOME="+t.Home).Config(
		KV{"gpg.ssh.allowedSignersFile", signers},
		KV{"gpg.ssh.revocationFile", ""},
		KV{"gpg.x509.program", "/bin/false"}, // no certificates can be listed, so none count
	)
	_, err = g.Run(ctx, c)
	return unverified(err)
}

// canRead says why a file of keys, the value of option, cannot be read.
func canRead(option, file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Open(file)
	if err == nil {
		return f.Close()
	}
	hint := Access(file, ToRead)
	if errors.Is(err, fs.ErrNotExist) {
		hint = "mount the file there, or name another with " + option
	}
	return &Error{Op: "verify", Kind: KindPermission, Err: fmt.Errorf("reading %s: %w", option, err), Hinted: hint}
}

// unverified says what is wrong with a signature, from what git, gpg and
// ssh-keygen say under LC_ALL=C; nothing, when err is nil.
func unverified(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindUnknown {
		return err
	}
	switch {
	case e.Stderr == "":
		return fmt.Errorf("%w: %w", errUnsigned, err)
	case strings.Contains(e.Stderr, "No public key"), strings.Contains(e.Stderr, "No principal matched"):
		return fmt.Errorf("%w: %w", errUnknown, err)
	default:
		return err
	}
}

// importKeys gives gpg a home that holds the keyring's keys and nothing else. They are not
// imported: that asks gpg's agent, whose socket may have no long path.
func (g *Git) importKeys(ctx context.Context, t Trust) error {
	err := os.RemoveAll(t.Home)
	if err == nil {
		err = os.MkdirAll(t.Home, 0o700)
	}
	if err != nil {
		return fmt.Errorf("preparing a home for gpg: %w", err)
	}
	if t.Keyring == "" {
		return nil
	}
	keyring, err := filepath.Abs(t.Keyring)
	if err != nil {
		return fmt.Errorf("reading --verify-keyring: %w", err)
	}
	_, err = proc.Run(ctx, proc.Cmd{
		Path: "gpg",
		Args: []string{"--homedir", t.Home, "--batch", "--no-tty", "--quiet", "--yes", "--output", filepath.Join(t.Home, "pubring.gpg"), "--dearmor", keyring},
		Dir:  t.Home,
		Env:  lastOfEach(slices.Concat(g.env, []string{"GNUPGHOME=" + t.Home})),
	})
	if err != nil {
		return &Error{
			Op: "verify", Kind: KindUnsupported, Err: fmt.Errorf("importing %s: %w", t.Keyring, err),
			Hinted: "--verify-keyring has to hold OpenPGP public keys (gpg --export), and gpg has to be installed",
		}
	}
	return nil
}
