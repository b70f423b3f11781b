package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"git-sync/pkg/proc"
)

// Trust holds the trusted keys. Its paths are absolute. The user's own keyring and configuration are not used.
type Trust struct {
	// Keyring is a file of OpenPGP public keys, armored or not; empty: none.
	Keyring string
	// AllowedSigners is a file in the format of ssh-keygen(1); empty: none.
	AllowedSigners string
	// Home is a private directory for gpg. It is made again for each verification.
	Home string
}

// VerifyCommit returns nil if the commit object in gitDir has a good signature by one of the keys. git, gpg and
// ssh-keygen verify it. A signature that is missing, bad, expired, revoked or by another key is an error.
func (g *Git) VerifyCommit(ctx context.Context, gitDir, object string, t Trust) error {
	return g.verify(ctx, Cmd("verify-commit").GitDir(gitDir).Operand(object), t)
}

// VerifyTag is VerifyCommit for an annotated tag.
func (g *Git) VerifyTag(ctx context.Context, gitDir, object string, t Trust) error {
	return g.verify(ctx, Cmd("verify-tag").GitDir(gitDir).Operand(object), t)
}

// badSigner matches what ssh-keygen says about a line of the allowed signers, and finds the line's file and number.
var badSigner = regexp.MustCompile(`(?m)^(/.+:\d+): (?:invalid|missing) key$`)

func (g *Git) verify(ctx context.Context, c *Command, t Trust) error {
	err := errors.Join(canRead("--verify-keyring", t.Keyring), canRead("--verify-allowed-signers", t.AllowedSigners))
	if err == nil {
		err = g.importKeys(ctx, t)
	}
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(t.Home) }() // ignore an error: the next run removes it first
	signers := t.AllowedSigners
	if signers == "" {
		signers = "/dev/null" // git needs a file; this one lists no keys
	}
	c.Env("GNUPGHOME="+t.Home).Config(
		KV{"gpg.ssh.allowedSignersFile", signers},
		KV{"gpg.ssh.revocationFile", ""},
		KV{"gpg.x509.program", "/bin/false"}, // X.509 certificates cannot be listed, so none are trusted
	)
	_, err = g.Run(ctx, c)
	return signatureError(err)
}

// canRead returns an error if a key file, the value of option, cannot be read.
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

// signatureError adds to err what is wrong with the signature, from the messages of git, gpg and ssh-keygen under
// LC_ALL=C. It returns nil if err is nil.
func signatureError(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindUnknown {
		return err
	}
	switch {
	case e.Stderr == "":
		return fmt.Errorf("it is not signed: %w", err)
	case badSigner.MatchString(e.Stderr):
		e.Hinted = "write an e-mail address before the key, as in 'me@example.com ssh-ed25519 AAAA...': a .pub file has none"
		return fmt.Errorf("%s is not 'EMAIL KEYTYPE KEY': %w", badSigner.FindStringSubmatch(e.Stderr)[1], err)
	case strings.Contains(e.Stderr, "No public key"), strings.Contains(e.Stderr, "No principal matched"):
		return fmt.Errorf("it is signed by a key that is not listed: %w", err)
	default:
		return err
	}
}

// importKeys makes a home for gpg that holds only the keys of the keyring. It does not use gpg's import, because that
// connects to gpg's agent, whose socket path must be short.
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
	_, err = proc.Run(ctx, proc.Cmd{
		Path: "gpg",
		Args: []string{"--homedir", t.Home, "--batch", "--no-tty", "--quiet", "--yes", "--output", filepath.Join(t.Home, "pubring.gpg"), "--dearmor", t.Keyring},
		Dir:  t.Home,
		Env:  slices.Concat(g.env, []string{"GNUPGHOME=" + t.Home}),
	})
	if err != nil {
		return &Error{
			Op: "verify", Kind: KindUnsupported, Err: fmt.Errorf("importing %s: %w", t.Keyring, err),
			Hinted: "--verify-keyring has to hold OpenPGP public keys (gpg --export), and gpg has to be installed",
		}
	}
	return nil
}
