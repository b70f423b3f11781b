package receiver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxSecret is the most that a file of a secret may hold: more means that it is the wrong file.
const maxSecret = 4096

// ErrNoSecret says that there is nothing to verify senders with.
var ErrNoSecret = errors.New("no secret is configured for the receiver")

// SecretFile gives the secret in a file, for Target.Secret: without the white space at its end, read for each delivery, so
// that rotation needs no restart. An empty file is ErrNoSecret.
func SecretFile(path string) func() ([]byte, error) {
	return func() ([]byte, error) {
		secret, err := readSecret(path)
		if err != nil {
			return nil, fmt.Errorf("receiver's secret: %w", err)
		}
		return secret, nil
	}
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
