package receiver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// maxSecret is the most that a file of a secret may hold: more means that it is the wrong file.
const maxSecret = 4096

// ErrNoSecret says that there is nothing to verify senders with.
var ErrNoSecret = errors.New("no secret is configured for the receiver")

// SecretFile gives the secret in a file, for Options.Secret: without the white space
// at its end, read again whenever the file has changed (another file under the name, another
// size or time), so that rotation needs no restart. An empty file is ErrNoSecret.
func SecretFile(path string) func() ([]byte, error) {
	f := &secretFile{path: path}
	return f.get
}

type secretFile struct {
	path string

	mu     sync.Mutex
	info   os.FileInfo // of the file as it was read, nil before
	secret []byte
}

func (f *secretFile) get() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, fmt.Errorf("receiver's secret: %w", err)
	}
	if f.info != nil && unchanged(f.info, info) {
		return f.secret, nil
	}
	secret, err := readSecret(f.path)
	if err != nil {
		return nil, fmt.Errorf("receiver's secret: %w", err)
	}
	// A file younger than its file system's clock is coarse may change again without showing it.
	if f.info = info; time.Since(info.ModTime()) < 2*time.Second {
		f.info = nil
	}
	f.secret = secret
	return secret, nil
}

func unchanged(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func readSecret(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxSecret {
		return nil, fmt.Errorf("%s holds more than %d bytes, which no secret does", path, maxSecret)
	}
	secret := bytes.TrimRight(content, " \t\r\n")
	if len(secret) == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrNoSecret)
	}
	return secret, nil
}
