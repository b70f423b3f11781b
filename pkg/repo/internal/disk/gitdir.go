package disk

import (
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
	// Admins is git's name for the directory of the admin directories.
	Admins = "worktrees"
	// OwnName is the name of our directory in a git directory.
	OwnName = "git-sync"
	// ModulesName is the directory of the submodules' stores in ours.
	ModulesName = "modules"
)

// GitDir is a git directory of ours. It knows what is where in it, and writes
// files and directories so that a group can share them, where that is asked for.
type GitDir struct {
	Name   string // its path
	Shared bool   // writable by its group, whatever our umask
}

// Dir is the path itself.
func (d GitDir) Dir() string { return d.Name }

// Path is the path of something that git has in it.
func (d GitDir) Path(name string) string { return filepath.Join(d.Name, name) }

// Own is the path of something that we have in it.
func (d GitDir) Own(name string) string { return filepath.Join(d.Name, OwnName, name) }

// Admin is the admin directory of the worktree called id.
func (d GitDir) Admin(id string) string { return filepath.Join(d.Name, Admins, id) }

// ModuleDir is the git directory of the submodules' store called name.
func (d GitDir) ModuleDir(name string) GitDir {
	return GitDir{Name: d.Own(ModulesName + "/" + name), Shared: d.Shared}
}

// MkdirAll makes a directory and those that lead to it.
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

// Mkdir makes a directory in one that is there.
func (d GitDir) Mkdir(name string) error {
	if err := os.Mkdir(name, 0o777); err != nil {
		return err
	}
	return d.share(name, 0o775)
}

// Write writes a file in place: a kill may leave a part of it.
func (d GitDir) Write(name string, data []byte) error {
	if err := os.WriteFile(name, data, 0o666); err != nil {
		return err
	}
	return d.share(name, 0o664)
}

// Replace writes a file so that a reader, and a kill, see either the old content
// or the new.
func (d GitDir) Replace(name string, data []byte) error {
	tmp := filepath.Join(filepath.Dir(name), TempPrefix+Unique())
	// It is not flushed: a power cut may leave the name without content, and
	// each reader of these files takes that for their absence. A flush each
	// would cost a small repository more than its checkout.
	err := d.Write(tmp, data)
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, Remove(tmp))
	}
	return nil
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

// Share gives a file or directory of ours at least the bits perm.
func Share(name string, perm fs.FileMode) error {
	info, err := os.Lstat(name)
	if err != nil || info.Mode()&perm == perm {
		return err
	}
	return os.Chmod(name, info.Mode()|perm) // a directory keeps its set-group-ID bit
}

// RemoveLFSLogs removes what git-lfs writes when it fails: the environment, in
// which secrets may be, for everybody to read.
func (d GitDir) RemoveLFSLogs() error {
	if err := os.RemoveAll(d.Path(LFSName + "/logs")); err != nil {
		return fmt.Errorf("removing logs of git-lfs: %w", err)
	}
	return nil
}

// LFSName is where git-lfs keeps what it fetched, in a git directory.
const LFSName = "lfs"

// Gitlink returns the content of the .git file of the worktree at rel, below
// the root: the admin directory at admin, also below the root. It is relative,
// so that the volume can be mounted anywhere.
func Gitlink(rel, admin string) string {
	up := strings.Repeat("../", strings.Count(filepath.ToSlash(filepath.Clean(rel)), "/")+1)
	return "gitdir: " + up + admin + "\n"
}

// ErrEmptyGitlink is what a power cut leaves of a .git file.
var ErrEmptyGitlink = errors.New("the .git file is empty")

// ReadGitlink returns the admin directory that the .git file of the worktree at
// dir names, made absolute; an error that is fs.ErrNotExist when there is none.
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

// parseGitlink returns what the content of a .git file in dir names, absolute.
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
