package logging

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrorFile is the file of --error-file. It exists while the last sync has failed, and has the error as JSON with the
// members Msg, Err and Args. It is replaced atomically. It is not safe for concurrent use.
type ErrorFile struct {
	path  string
	scrub *secrets
}

// ErrorFile returns the error file at path, which is absolute. If path is "", the file is never written. It does not
// access the disk.
func (l *Logging) ErrorFile(path string) *ErrorFile { return &ErrorFile{path, l.secrets} }

// Write replaces the file's content. failures is the number of consecutive failures; 0 leaves it out. Everything is
// scrubbed. Missing directories are created. The file is readable by everyone, because a container with another UID
// may read it.
func (f *ErrorFile) Write(msg string, failed error, failures int) error {
	if f.path == "" {
		return nil
	}
	args := map[string]any{}
	for _, p := range adviceOf(failed) {
		args[p.key] = f.scrub.clean(p.value)
	}
	if failures > 0 {
		args["failures"] = failures
	}
	content := struct {
		Msg, Err string
		Args     map[string]any
	}{msg, f.scrub.scrub(failed.Error()), args}
	b, _ := json.MarshalIndent(content, "", "  ") // cannot fail for texts and a number
	if err := f.replace(append(b, '\n')); err != nil {
		return fmt.Errorf("writing error file: %w", err)
	}
	return nil
}

// Clear removes the file. It is not an error if the file does not exist.
func (f *ErrorFile) Clear() error {
	if f.path == "" {
		return nil
	}
	return errors.Join(remove(f.path), remove(f.temporary()))
}

// temporary returns the name of the file while it is written. It is always the same, so that crashes leave at most
// one, which the next Write or Clear removes.
func (f *ErrorFile) temporary() string {
	return filepath.Join(filepath.Dir(f.path), "."+filepath.Base(f.path)+".tmp")
}

func (f *ErrorFile) replace(content []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	tmp := f.temporary()
	if err := remove(tmp); err != nil {
		return err
	}
	err := writeNew(tmp, content)
	if err == nil {
		err = os.Rename(tmp, f.path)
	}
	if err != nil {
		return errors.Join(err, remove(tmp))
	}
	return nil
}

// writeNew creates a file that must not exist, so that it never follows a symlink.
func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Chmod(0o644), file.Close())
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
