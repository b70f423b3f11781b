package logging

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrorFile is the file of --error-file: it exists while the last sync has failed, and holds that failure as JSON with the
// members Msg, Err and Args. A reader sees all of it or nothing. It is not safe for use from several goroutines at once.
type ErrorFile struct {
	path  string
	scrub *secrets
}

// ErrorFile returns the error file at path, an absolute one; "" is a file that is never written.
// Nothing is touched on disk yet.
func (l *Logging) ErrorFile(path string) *ErrorFile { return &ErrorFile{path, l.secrets} }

// Write replaces the file's content. The arguments are keys and values as of logr; all of it is scrubbed. Missing
// directories are made. The file is readable by everyone: another container, with another UID, is who looks for it.
func (f *ErrorFile) Write(msg string, err error, keysAndValues ...any) error {
	if f.path == "" {
		return nil
	}
	content := struct {
		Msg  string
		Err  string
		Args map[string]any
	}{Msg: f.scrub.scrub(msg), Args: map[string]any{}}
	if err != nil {
		content.Err = f.scrub.scrub(err.Error())
		for _, p := range adviceOf(err) {
			content.Args[p.key] = f.scrub.clean(p.value)
		}
	}
	for i := 0; i+1 < len(keysAndValues); i += 2 {
		content.Args[fmt.Sprint(keysAndValues[i])] = f.scrub.clean(keysAndValues[i+1])
	}
	b, jsonErr := json.MarshalIndent(content, "", "  ")
	if jsonErr != nil {
		return fmt.Errorf("writing error file %s: %w", f.path, jsonErr)
	}
	if err := f.replace(append(b, '\n')); err != nil {
		return fmt.Errorf("writing error file: %w", err)
	}
	return nil
}

// Clear removes the file; that there is none is no error.
func (f *ErrorFile) Clear() error {
	if f.path == "" {
		return nil
	}
	err := remove(f.path)
	return errors.Join(err, remove(f.temporary()))
}

// temporary is the name that the file has while it is written. It is always the same, so that a crash cannot leave more than
// one behind, and the next Write or Clear takes that one away.
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
	if err := writeNew(tmp, content); err != nil {
		return errors.Join(err, remove(tmp))
	}
	if err := os.Rename(tmp, f.path); err != nil {
		return errors.Join(err, remove(tmp))
	}
	return nil
}

// writeNew makes a file that must not exist, so that it never writes through a link.
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
