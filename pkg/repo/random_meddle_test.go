package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/repo/internal/index"
	"git-sync/test/gitserver"
)

// meddle does one thing to a tree that git-sync does not expect. What cannot be done there is not done.
func (h *randomHistory) meddle(dir string) {
	h.t.Helper()
	m := meddler{h: h, dir: dir}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err // what has been found will do
		case name == dir:
			return nil
		case d.Name() == ".git":
			return skip(d)
		case d.IsDir():
			m.dirs = append(m.dirs, name)
		case d.Type().IsRegular():
			m.files = append(m.files, name)
		}
		return nil
	})
	if len(m.files) == 0 || len(m.dirs) == 0 {
		return
	}
	what := meddlings[h.rng.IntN(len(meddlings))]
	err := what.do(m, m.files[h.rng.IntN(len(m.files))], m.dirs[h.rng.IntN(len(m.dirs))])
	h.model.done = append(h.model.done, fmt.Sprintf("in %s: %s (%v)", strings.TrimPrefix(dir, h.opts.Root), what.name, err))
}

// meddler is a consumer at work in a tree.
type meddler struct {
	h           *randomHistory
	dir         string
	files, dirs []string
}

// meddling is done to a file or a directory.
type meddling struct {
	name string
	do   func(m meddler, file, dir string) error
}

var meddlings = []meddling{
	{"edited", func(_ meddler, file, _ string) error { return os.WriteFile(file, []byte("edited"), 0o644) }},
	{"edited, of the same size, times restored", sameSize},
	{"edited, of the same size, times restored", sameSize},
	{"mode", func(m meddler, file, _ string) error {
		return os.Chmod(file, []fs.FileMode{0o600, 0o644, 0o755, 0o444, 0o666, 0o755 | fs.ModeSetuid}[m.h.rng.IntN(6)])
	}},
	{"directory's mode", func(m meddler, _, dir string) error {
		return os.Chmod(dir, []fs.FileMode{0o700, 0o777, 0o755, 0o755 | fs.ModeSticky}[m.h.rng.IntN(4)])
	}},
	{"deleted", func(_ meddler, file, _ string) error { return os.Remove(file) }},
	{"deleted a directory", func(_ meddler, _, dir string) error { return os.RemoveAll(dir) }},
	{"emptied a directory", func(_ meddler, _, dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)) }},
	{"added", func(m meddler, _, dir string) error {
		return os.WriteFile(filepath.Join(dir, m.h.name()), []byte("added"), 0o644)
	}},
	{"added a directory", func(m meddler, _, dir string) error {
		at := filepath.Join(dir, m.h.name(), "__pycache__")
		return errors.Join(os.MkdirAll(at, 0o755), os.WriteFile(filepath.Join(at, "x.pyc"), nil, 0o644))
	}},
	{"added an empty directory", func(m meddler, _, dir string) error {
		return os.MkdirAll(filepath.Join(dir, m.h.name(), "empty"), 0o755)
	}},
	{"attributes", func(m meddler, _, dir string) error {
		return os.WriteFile(filepath.Join(dir, index.AttributesFile), []byte(m.h.attributes()), 0o644)
	}},
	{"attributes at the top", func(m meddler, _, _ string) error {
		return os.WriteFile(filepath.Join(m.dir, index.AttributesFile), []byte(m.h.attributes()), 0o644)
	}},
	{"ignored", func(_ meddler, _, dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*"), 0o644), os.WriteFile(filepath.Join(dir, "y"), nil, 0o644))
	}},
	{"a repository", func(_ meddler, _, dir string) error {
		return errors.Join(os.MkdirAll(filepath.Join(dir, "repo/.git/objects"), 0o755), os.MkdirAll(filepath.Join(dir, "repo/.git/refs"), 0o755),
			os.WriteFile(filepath.Join(dir, "repo/.git/HEAD"), []byte("ref: refs/heads/main\n"), 0o644))
	}},
	{"file to directory", func(_ meddler, file, _ string) error {
		return errors.Join(os.Remove(file), os.MkdirAll(file+"/x", 0o755))
	}},
	{"file to symlink", func(_ meddler, file, _ string) error {
		return errors.Join(os.Rename(file, file+".moved"), os.Symlink(filepath.Base(file)+".moved", file))
	}},
	{"directory moved, and a symlink", func(m meddler, _, dir string) error {
		away := filepath.Join(m.h.t.TempDir(), "moved")
		return errors.Join(os.Rename(dir, away), os.Symlink(away, dir), os.WriteFile(filepath.Join(away, index.AttributesFile), []byte(m.h.attributes()), 0o644))
	}},
	{"moved over another", func(m meddler, file, _ string) error { return os.Rename(file, m.files[0]) }},
	{"linked to another", func(m meddler, file, _ string) error {
		other := m.files[len(m.files)-1]
		if other == file {
			return nil
		}
		return errors.Join(os.Remove(other), os.Link(file, other))
	}},
	{"directory moved", func(m meddler, _, dir string) error { return os.Rename(dir, filepath.Join(m.dir, "moved")) }},
	{"git add", func(m meddler, _, _ string) error {
		_, err := gitserver.Run(m.dir, gitserver.Env(), "add", "-A")
		return err
	}},
	{"assumed unchanged", func(m meddler, file, _ string) error {
		_, err := gitserver.Run(m.dir, gitserver.Env(), "update-index", "--assume-unchanged", file)
		return errors.Join(err, os.WriteFile(file, []byte("hidden"), 0o644))
	}},
}

// sameSize edits a file so that its size and time of change look as before, in the same second if it can.
func sameSize(_ meddler, file, _ string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil || len(data) == 0 {
		return err
	}
	data[len(data)/2] ^= 1
	return errors.Join(os.WriteFile(file, data, info.Mode().Perm()), os.Chtimes(file, info.ModTime(), info.ModTime()))
}
