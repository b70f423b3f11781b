package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"git-sync/pkg/git"
)

// maxSecretFile limits the size of a file with a secret, in bytes. The largest keys (RSA, 16384 bits) have 13 KB;
// known_hosts files may be larger.
const maxSecretFile = 1 << 20

// readSecret reads a whole file, up to maxSecretFile. Its errors do not contain the path; fileError adds it.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer closeAfterReading(f)
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case len(b) > maxSecretFile:
		return nil, fmt.Errorf("it is larger than %d bytes", maxSecretFile)
	}
	return b, nil
}

func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// readPassword reads a password from a file, without the line breaks at the end.
func readPassword(path string) (string, error) {
	const what = "password file"
	b, err := readSecret(path)
	if err != nil {
		return "", fileError(what, path, err)
	}
	pass := strings.TrimRight(string(b), "\r\n")
	if pass == "" {
		return "", failure("reading the "+what+" "+path, errors.New("it is empty"), "write the password into it")
	}
	if err := usable("", pass); err != nil {
		return "", failure("reading the "+what+" "+path, err, "the file must hold the password on one line, and nothing else")
	}
	return pass, nil
}

// fileError adds the path and a hint to an error of readSecret.
func fileError(what, path string, err error) error {
	return failure("reading the "+what+" "+path, err, fileAdvice(path, err))
}

// fileAdvice returns the hint for a file that is missing, or that this process may not read.
func fileAdvice(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missingAdvice(path)
	case errors.Is(err, fs.ErrPermission):
		return git.Access(path, git.ToRead)
	case errors.Is(err, syscall.EISDIR):
		return "name the file in that directory"
	}
	return ""
}

// missingAdvice distinguishes a volume that is not mounted from one that lacks the file.
func missingAdvice(path string) string {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no " + dir + ": is the secret mounted there?"
	case err != nil:
		return "is the secret mounted, and the path right?"
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return dir + " is empty: is the secret mounted there?"
	}
	const most = 5
	return dir + " holds " + strings.Join(names[:min(most, len(names))], ", ") + ": check the path, and the keys of the secret"
}
