package instance

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// groupUmask is the umask with --group-write.
const groupUmask fs.FileMode = 0o002

// below resolves a path that is absolute or relative to the root. The root is absolute.
func below(root, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

// touch sets the file's times to now. It creates the file and its parent directories if they are missing.
func (i *Instance) touch(path string) error {
	now := time.Now()
	if err := os.Chtimes(path, now, now); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := i.makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if i.opt.Sync.GroupWrite {
		err = f.Chmod(0o666 &^ groupUmask)
	}
	return errors.Join(err, f.Close())
}

// makeDir is os.MkdirAll with the instance's umask.
func (i *Instance) makeDir(path string) error {
	if _, err := os.Stat(path); err == nil || !i.opt.Sync.GroupWrite {
		return os.MkdirAll(path, 0o777)
	}
	if err := i.makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o777); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Chmod(path, info.Mode()|0o777&^groupUmask) // keeps the set-group-ID bit
}
