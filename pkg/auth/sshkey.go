package auth

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshKey is the result of checking a private key file before ssh reads it.
type sshKey struct {
	path        string
	problem     string // why it cannot be used; "" if it can
	missing     bool   // there is no such file
	advice      string
	fingerprint string // of the public key, as printed by ssh-keygen -l; "" if it is not known
	content     []byte // of a usable key
	// private says that ssh must get a copy of content instead of the file, because it would reject the file's mode
	// or could not parse its line endings.
	private bool
}

// String returns the key for messages.
func (k sshKey) String() string {
	if k.fingerprint == "" {
		return k.path
	}
	return k.path + " (" + k.fingerprint + ")"
}

// inspectKey reads a key file and checks whether ssh would accept it. Problems are in the result.
func inspectKey(path string) sshKey {
	k := sshKey{path: path}
	content, err := readSecret(path)
	if err != nil {
		k.problem, k.advice = err.Error(), fileAdvice(path, err)
		if errors.Is(err, fs.ErrNotExist) {
			k.missing, k.problem = true, "does not exist"
		}
		return k
	}
	k.parse(content)
	if k.problem == "" {
		k.checkMode()
	}
	return k
}

// checkMode applies OpenSSH's rule: a key that belongs to our own user must not be accessible to others. A key that
// belongs to another user, such as root in a Kubernetes secret volume, may have any mode. fsGroup sets the group
// bits, which the user cannot prevent, so ssh gets a private copy of such a key. The bits for others are the user's
// mistake.
func (k *sshKey) checkMode() {
	fi, err := os.Stat(k.path)
	if err != nil {
		return // removed since it was read, for example by a rotation
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) != os.Getuid() {
		return
	}
	mode := fi.Mode().Perm()
	if mode&0o007 != 0 {
		k.problem = fmt.Sprintf("has mode %#o: every user could use it, so ssh refuses it", mode)
		k.advice = "chmod 600 " + k.path + ", or in Kubernetes defaultMode: 0400 for the secret's volume"
		return
	}
	k.private = k.private || mode&0o070 != 0
}

// parse checks the content of a key. Types that only OpenSSH supports, such as keys in hardware, are left to it.
func (k *sshKey) parse(content []byte) {
	tidy := tidied(content)
	block, _ := pem.Decode(tidy)
	if block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		k.problem, k.advice = whatInstead(content), "put the private key there, from -----BEGIN to END-----, line breaks included"
		return
	}
	signer, err := ssh.ParsePrivateKey(tidy)
	_, encrypted := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case err == nil:
		k.fingerprint = ssh.FingerprintSHA256(signer.PublicKey())
	case encrypted, block.Type == "ENCRYPTED PRIVATE KEY":
		k.problem = "is encrypted with a passphrase"
		k.advice = "make a copy without one: ssh-keygen -p -N '' -f COPY"
		return
	case block.Type == "OPENSSH PRIVATE KEY" && !strings.Contains(err.Error(), "unhandled key type"):
		k.problem, k.advice = "is damaged: "+err.Error(), "compare it with the original; was it cut when it was pasted?"
		return
	}
	k.private = !bytes.Equal(tidy, content)
	k.content = tidy
}

// certificate returns the path where ssh looks for the key's certificate.
func (k sshKey) certificate() string { return k.path + "-cert.pub" }

// certificateProblem says why the server may have rejected the key's certificate; "" if there is none, or no problem
// is known.
func (k sshKey) certificateProblem(now time.Time) string {
	content, err := readSecret(k.certificate())
	if err != nil {
		return ""
	}
	what := "the certificate " + k.certificate()
	public, _, _, _, err := ssh.ParseAuthorizedKey(content)
	certificate, ok := public.(*ssh.Certificate)
	at := func(seconds uint64) string { return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339) }
	switch {
	case err != nil || !ok:
		return what + " is damaged"
	case uint64(now.Unix()) >= certificate.ValidBefore:
		return what + " expired at " + at(certificate.ValidBefore)
	case uint64(now.Unix()) < certificate.ValidAfter:
		return what + " is not valid before " + at(certificate.ValidAfter)
	}
	return ""
}

// tidied repairs what editors and YAML may do to keys and ssh cannot read: CRLF line endings, a missing line break at
// the end, surrounding white space.
func tidied(content []byte) []byte {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	return append(bytes.TrimSpace(content), '\n')
}

// whatInstead guesses what a file contains instead of a private key.
func whatInstead(content []byte) string {
	text := string(bytes.TrimSpace(content))
	switch {
	case text == "":
		return "is empty"
	case strings.HasPrefix(text, "ssh-"), strings.HasPrefix(text, "ecdsa-"), strings.HasPrefix(text, "sk-"), strings.HasPrefix(text, "-----BEGIN PUBLIC"), strings.HasPrefix(text, "---- BEGIN SSH2 PUBLIC"):
		return "is the public key"
	case strings.HasPrefix(text, "PuTTY-User-Key-File"):
		return "is in PuTTY's format, which OpenSSH cannot read"
	case strings.HasPrefix(text, "LS0tLS1"):
		return "is encoded in base64 once too often"
	}
	return "is not a private key"
}
