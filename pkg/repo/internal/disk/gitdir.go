package disk

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// GitName is the name of a root's store, and of a tree's .git file.
	GitName = ".git"
	// Admins is git's directory of the admin directories.
	Admins = "worktrees"
	// OwnName is git-sync's own directory in a git directory.
	OwnName = "git-sync"
	// ModulesName is the directory of the submodule stores in our own directory.
	ModulesName = "modules"
)

// GitDir is a git directory of ours. It knows the layout, and can make files and directories writable by a group.
type GitDir struct {
	Name   string // path
	Shared bool   // make files writable by their group, whatever the umask
}

// Dir returns the path itself.
func (d GitDir) Dir() string { return d.Name }

// Path returns the path of one of git's files in it.
func (d GitDir) Path(name string) string { return filepath.Join(d.Name, name) }

// Own returns the path of one of our own files in it.
func (d GitDir) Own(name string) string { return filepath.Join(d.Name, OwnName, name) }

// Admin returns the admin directory of the worktree called id.
func (d GitDir) Admin(id string) string { return filepath.Join(d.Name, Admins, id) }

// ModuleDir returns the git directory of the submodule store called name.
func (d GitDir) ModuleDir(name string) GitDir {
	return GitDir{Name: d.Own(ModulesName + "/" + name), Shared: d.Shared}
}

// MkdirAll makes a directory and its missing parents.
func (d GitDir) MkdirAll(name string) error {
	if !d.Shared || Exists(name) {
		return os.MkdirAll(name, 0o777)
	}
	if err := d.MkdirAll(filepath.Dir(name)); err != nil {
		return err
	}
	if err := d.Mkdir(name); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Mkdir makes a directory. Its parent must exist.
func (d GitDir) Mkdir(name string) error {
	if err := os.Mkdir(name, 0o777); err != nil {
		return err
	}
	return d.share(name, 0o775)
}

// Write writes a file in place. If the process is killed, the file may be incomplete.
func (d GitDir) Write(name string, data []byte) error {
	if err := os.WriteFile(name, data, 0o666); err != nil {
		return err
	}
	return d.share(name, 0o664)
}

// Replace replaces a file atomically: readers see either the old or the new content, also after a kill.
func (d GitDir) Replace(name string, data []byte) error {
	tmp := filepath.Join(filepath.Dir(name), TempPrefix+Unique())
	// There is no flush: a power cut may leave an empty file, which each reader of these files treats as absent. For
	// a small repository, the flushes would cost more than its checkout.
	err := d.Write(tmp, data)
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, Remove(tmp))
	}
	return nil
}

// ReplaceFlushed is Replace for files that must survive a power cut. It blocks until the file is on the disk.
func (d GitDir) ReplaceFlushed(name string, data []byte) error {
	return d.ReplaceFlushedBy(name, func(w *bufio.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// ReplaceFlushedBy is ReplaceFlushed for content that is written piece by piece.
func (d GitDir) ReplaceFlushedBy(name string, write func(*bufio.Writer) error) error {
	tmp := name + ".tmp"                // a fixed name, so that kills leave at most one file
	if err := Remove(tmp); err != nil { // it may belong to another user
		return err
	}
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	if err = errors.Join(write(w), w.Flush(), f.Sync(), f.Close(), d.share(tmp, 0o664)); err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ReplaceJSON is Replace with v as JSON.
func (d GitDir) ReplaceJSON(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return d.Replace(name, append(data, '\n'))
}

func (d GitDir) share(name string, perm fs.FileMode) error {
	if !d.Shared {
		return nil
	}
	return Share(name, perm)
}

// Share adds the permissions perm to a file or directory of ours.
func Share(name string, perm fs.FileMode) error {
	info, err := os.Lstat(name)
	if err != nil || info.Mode()&perm == perm {
		return err
	}
	return os.Chmod(name, info.Mode()|perm) // a directory keeps its set-group-ID bit
}

// RemoveLFSLogs removes the logs that git-lfs writes when it fails. They are readable by everyone, and contain the
// environment, which may have secrets.
func (d GitDir) RemoveLFSLogs() error {
	if err := os.RemoveAll(d.Path(LFSName + "/logs")); err != nil {
		return fmt.Errorf("removing logs of git-lfs: %w", err)
	}
	return nil
}

// LFSName is the directory of git-lfs in a git directory.
const LFSName = "lfs"

// Gitlink returns the content of the .git file of the worktree at rel, for the admin directory at admin. Both are
// relative to the root, and so is the content, so that the volume can be mounted anywhere.
func Gitlink(rel, admin string) string {
	up := strings.Repeat("../", strings.Count(filepath.ToSlash(filepath.Clean(rel)), "/")+1)
	return "gitdir: " + up + admin + "\n"
}

// ErrEmptyGitlink says that a .git file is empty, which happens after a power cut.
var ErrEmptyGitlink = errors.New("the .git file is empty")

// ReadGitlink returns the absolute path of the admin directory that the .git file of the worktree at dir names. If
// there is no .git file, the error is fs.ErrNotExist.
func ReadGitlink(dir string) (string, error) {
	name := filepath.Join(dir, GitName)
	info, err := os.Lstat(name)
	if err != nil {
		return "", err
	}
	if info.Mode().IsRegular() && info.Size() == 0 {
		return "", ErrEmptyGitlink
	}
	if !info.Mode().IsRegular() || info.Size() > 8192 {
		return "", fmt.Errorf("%s is not a gitlink file", name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	target, ok := parseGitlink(dir, string(data))
	if !ok {
		return "", fmt.Errorf("%s is not a gitlink file", name)
	}
	return target, nil
}

// parseGitlink returns the absolute path that the content of a .git file in dir names.
func parseGitlink(dir, content string) (target string, ok bool) {
	target, ok = strings.CutPrefix(content, "gitdir: ")
	if !ok {
		return "", false
	}
	target = strings.TrimRight(target, "\r\n")
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	return filepath.Clean(target), true
}
