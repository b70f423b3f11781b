package auth

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// sshKey is what was found out about one private key file before ssh sees it.
type sshKey struct {
	path        string
	problem     string // why it cannot be used; "" if it can
	missing     bool   // there is no such file
	advice      string
	fingerprint string // of the public half, as ssh-keygen -l prints it; "" when the format hides it
	content     []byte // of a usable one
	// private is set when ssh must be given a copy of content rather than the file: it would refuse
	// the file's mode, or could not parse its line endings.
	private bool
}

// String names the key in messages.
func (k sshKey) String() string {
	if k.fingerprint == "" {
		return k.path
	}
	return k.path + " (" + k.fingerprint + ")"
}

// inspectKey reads a key file and says whether ssh would take it. It never fails: what is wrong is
// in the result.
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

// checkMode applies OpenSSH's rule: a key that belongs to our own user must be closed to
// everybody else. A key that belongs to another user, as root's in a Kubernetes secret volume does,
// is taken with any mode. Group bits are what fsGroup brings about and nobody can prevent, so a key
// with those is handed over as a private copy; the bits for others are the user's own doing.
func (k *sshKey) checkMode() {
	fi, err := os.Stat(k.path)
	if err != nil {
		return // it was read a moment ago; a rotation, say
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

// parse looks at a key's content.
func (k *sshKey) parse(content []byte) {
	block, _ := pem.Decode(bytes.TrimLeft(content, "\ufeff \t\r\n"))
	if block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		k.problem, k.advice = whatInstead(content), "put the private key there, from -----BEGIN to END-----, line breaks included"
		return
	}
	encrypted := block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
	if block.Type == "OPENSSH PRIVATE KEY" {
		cipher, public, err := parseOpenSSH(block.Bytes)
		if err != nil {
			k.problem, k.advice = "is damaged: "+err.Error(), "compare it with the original; was it cut when it was pasted?"
			return
		}
		encrypted = cipher != "none"
		sum := sha256.Sum256(public)
		k.fingerprint = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	}
	if encrypted {
		k.problem = "is encrypted with a passphrase, and nobody is there to type it"
		k.advice = "make a copy without one: ssh-keygen -p -N '' -f COPY"
		return
	}
	tidy := tidied(content)
	k.private = !bytes.Equal(tidy, content)
	k.content = tidy
}

// tidied undoes what editors and YAML do to keys and ssh cannot read: CRLF line endings, a missing
// line break at the end, blanks around.
func tidied(content []byte) []byte {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	return append(bytes.TrimSpace(content), '\n')
}

// whatInstead guesses what a file is that should have been a private key.
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

// parseOpenSSH reads the clear part of OpenSSH's own key format (PROTOCOL.key): the cipher's name,
// and the public key.
func parseOpenSSH(b []byte) (cipher string, public []byte, err error) {
	b, ok := bytes.CutPrefix(b, []byte("openssh-key-v1\x00"))
	if !ok {
		return "", nil, errors.New("it does not begin as OpenSSH's keys do")
	}
	var fields [5][]byte // cipher, KDF, the KDF's options, public key, private keys
	for i := range fields {
		if i == 3 {
			b = b[min(len(b), 4):] // the number of keys
		}
		if fields[i], b, ok = sshString(b); !ok {
			return "", nil, errors.New("it ends too early")
		}
	}
	return string(fields[0]), fields[3], nil
}

// sshString takes one length-prefixed string off b (RFC 4251, section 5).
func sshString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}
