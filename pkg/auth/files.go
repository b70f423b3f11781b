package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// maxSecretFile is the most we read of a file that holds a secret, in bytes. The largest keys (RSA,
// 16384 bits) are 13 KB, known_hosts files may be larger.
const maxSecretFile = 1 << 20

// readSecret reads a whole file, up to maxSecretFile.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	defer closeAfterReading(f)
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if len(b) > maxSecretFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxSecretFile)
	}
	return b, nil
}

// readPassword reads a password from a file; line breaks at its end are not part of it.
func readPassword(path string) (string, error) {
	const what = "password file"
	b, err := readSecret(path)
	if err != nil {
		return "", fileError(what, path, err)
	}
	pass := strings.TrimRight(string(b), "\r\n")
	if pass == "" {
		return "", failure("reading the "+what+" "+path, "it is empty", "write the password into it")
	}
	if err := usable("", pass); err != nil {
		return "", &Error{Op: "reading the " + what + " " + path, Err: err, Advice: "the file must hold the password on one line, and nothing else"}
	}
	return pass, nil
}

// fileError tells a file that is missing from one that we may not read.
func fileError(what, path string, err error) *Error {
	e := &Error{Op: "reading the " + what + " " + path, Err: bare(err)}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Advice = "is the secret mounted, and the path right?"
	case errors.Is(err, fs.ErrPermission):
		e.Advice = unreadableAdvice(path)
	case errors.Is(err, syscall.EISDIR):
		e.Advice = "name the file in that directory"
	}
	return e
}

// unreadableAdvice names owner and mode of a file that we may not read, and the remedy.
func unreadableAdvice(path string) string {
	us := fmt.Sprintf("git-sync runs as UID %d, GID %d", os.Geteuid(), os.Getegid())
	fi, err := os.Stat(path)
	if err != nil {
		return us + " and may not enter a directory of that path"
	}
	owner := ""
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		owner = fmt.Sprintf("belongs to UID %d, GID %d, ", st.Uid, st.Gid)
	}
	return fmt.Sprintf("the file %shas mode %#o, and %s; in Kubernetes set fsGroup: %d in the pod's securityContext",
		owner, fi.Mode().Perm(), us, os.Getegid())
}

// bare strips the path from an error that is wrapped in a message naming it.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
