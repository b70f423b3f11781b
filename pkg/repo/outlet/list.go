package outlet

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
)

// list sets u.next to the content of the tree, without git's own files.
func (u *update) list() error {
	return filepath.WalkDir(u.tree.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == u.tree.Dir {
			return err
		}
		if d.Name() == disk.GitName {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		// Without the clone, each path would keep the whole name in memory.
		_, err = u.add(strings.Clone(name[len(u.tree.Dir)+1:]))
		return err
	})
}

// add adds a file of the tree to u.next, and returns its state.
func (u *update) add(path string) (state, error) {
	name := filepath.Join(u.tree.Dir, path)
	info, err := os.Lstat(name)
	if err != nil {
		return state{}, u.lost(path, err)
	}
	e := entry{Path: path, Mode: info.Mode() & (fs.ModeType | fs.ModePerm)}
	switch {
	case e.Mode.IsRegular():
		e.Source = stateOf(info)
	case e.Mode.Type() == fs.ModeSymlink:
		e.Source = stateOf(info)
		e.Sum, err = os.Readlink(name)
	case e.Mode.IsDir():
		e.Mode |= 0o700 // a hook may have removed it, but the next update needs it
	default:
		return state{}, fmt.Errorf("%s cannot be published: it is neither a file nor a directory nor a symlink", name)
	}
	u.next.entries = append(u.next.entries, e)
	return e.Source, err
}

// listIndex is list for a tree with an index. It takes the entries of unchanged files from the old manifest, and
// checks that the others are as git wrote them.
func (u *update) listIndex() error {
	u.next.entries = make([]entry, 0, len(u.old.entries))
	listed := map[string]bool{".": true} // directories
	var addDir func(dir string) error
	addDir = func(dir string) error {
		if listed[dir] {
			return nil
		}
		listed[dir] = true
		err := addDir(filepath.Dir(dir))
		if err == nil {
			_, err = u.add(dir)
		}
		return err
	}
	return index.Each(u.tree.Index, u.tree.HashSize, func(i index.Entry) error {
		if slash := bytes.LastIndexByte(i.Path, '/'); slash > 0 && !listed[string(i.Path[:slash])] {
			if err := addDir(string(i.Path[:slash])); err != nil {
				return err
			}
		}
		if old, ours := u.ours[string(i.Path)]; ours && old.Source.isOf(i) && !old.Source.isCoarse() {
			u.next.entries = append(u.next.entries, *old)
			return nil
		}
		name := string(i.Path)
		now, err := u.add(name)
		if err == nil && !now.isOf(i) {
			err = u.touched(name)
		}
		return err
	})
}

// ErrTouched says that the tree to publish is not as it was made.
var ErrTouched = errors.New("the worktree was modified before it was published, and is made again")

func (u *update) touched(path string) error {
	return fmt.Errorf("%w: %s", ErrTouched, filepath.Join(u.tree.Dir, path))
}

// lost returns the error for a file of the tree that cannot be opened. If git has made it, it was removed.
func (u *update) lost(path string, err error) error {
	if u.tree.Index != "" && errors.Is(err, fs.ErrNotExist) {
		return u.touched(path)
	}
	return err
}
