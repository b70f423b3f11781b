package outlet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/repo/internal/disk"
)

// tempDir is the prefix of the name of a directory in the published one, which holds new files before they are
// renamed into place.
const tempDir = disk.TempPrefix + "new-"

// update changes a directory from one tree to another. It first copies the files that differ, then renames them into
// place, and finally removes what the new tree does not have. It keeps files that git-sync did not make.
type update struct {
	dir  string   // the directory to update
	root *os.Root // the same directory; prevents escapes through symlinks
	from string   // the directory with the new tree's files
	old  *manifest
	// thisBoot says that old was written, or verified by content, during this boot.
	thisBoot bool
	ours     map[string]*entry // old's entries, by path
	next     *manifest
	put      []int // indexes of the entries of next to copy
	temp     string
	// journal is the file that records which paths become ours before the first of them exists; empty if consumers do
	// not see the directory yet.
	journal string
}

// run makes the update, and sets u.next to the content of the directory. If ctx ends while files are copied, nothing
// that consumers see has changed. After that, the update is always completed.
func (u *update) run(ctx context.Context) (err error) {
	if u.root, err = os.OpenRoot(u.dir); err != nil {
		return err
	}
	defer func() { _ = u.root.Close() }()
	u.ours, u.thisBoot = u.old.byPath(), u.old.Boot == disk.BootID()
	if u.next.entries, err = list(u.from); err != nil {
		return err
	}
	if err := u.plan(ctx); err != nil {
		return err
	}
	u.temp = tempDir + disk.Unique()
	if len(u.put) > 0 {
		if err := u.root.Mkdir(u.temp, 0o700); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, u.root.RemoveAll(u.temp)) }()
	}
	for _, i := range u.put {
		if err := errors.Join(ctx.Err(), u.stage(i)); err != nil {
			return err
		}
	}
	if u.journal != "" {
		if err := u.writeJournal(); err != nil {
			return fmt.Errorf("noting the update: %w", err)
		}
	}
	for _, i := range u.put {
		if err := u.place(i); err != nil {
			return err
		}
	}
	return u.removeOld()
}

// list returns the content of a tree, without git's own files.
func list(tree string) ([]entry, error) {
	var all []entry
	err := filepath.WalkDir(tree, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == tree {
			return err
		}
		if d.Name() == disk.GitName {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		// Without the clone, each path would keep the whole name in memory.
		e := entry{Path: strings.Clone(name[len(tree)+1:]), Mode: info.Mode() & (fs.ModeType | fs.ModePerm)}
		switch {
		case e.Mode.IsRegular():
			e.Source = stateOf(info)
		case e.Mode.Type() == fs.ModeSymlink:
			e.Sum, err = os.Readlink(name)
		}
		all = append(all, e)
		return err
	})
	return all, err
}

// plan determines which entries to copy. It changes nothing, and fails if a file that git-sync did not make is in the
// way.
func (u *update) plan(ctx context.Context) error {
	made := map[string]bool{} // directories to make, or to replace something else
	for i := range u.next.entries {
		e := &u.next.entries[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		if made[filepath.Dir(e.Path)] {
			made[e.Path] = e.Mode.IsDir()
			u.put = append(u.put, i)
			continue
		}
		now, err := os.Lstat(filepath.Join(u.dir, e.Path))
		there := err == nil
		if !there && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if there {
			if kept, err := u.keeps(now, e); err != nil {
				return err
			} else if kept {
				continue
			}
		}
		made[e.Path] = e.Mode.IsDir() && (!there || !now.IsDir())
		u.put = append(u.put, i)
	}
	return nil
}

// keeps reports whether the existing file stays: it is equal to e, or a directory that git-sync did not make. It
// fails if e cannot replace the file.
func (u *update) keeps(now fs.FileInfo, e *entry) (bool, error) {
	old, ours := u.ours[e.Path]
	switch {
	case now.IsDir() && e.Mode.IsDir() && (!ours || old.Mode&borrowed != 0):
		e.Mode |= borrowed
		return true, nil
	case !ours:
		return false, u.inTheWay(e.Path)
	case u.same(now, *old, e):
		return true, nil
	case now.IsDir() && !e.Mode.IsDir():
		return false, u.onlyOurs(e.Path)
	}
	return false, nil
}

func (u *update) inTheWay(path string) error {
	return &disk.RefusedError{
		Path: filepath.Join(u.dir, path), Reason: "is in the way: git-sync did not make it, and the repository holds a file of that name",
		Remedy: "move it away; git-sync deletes only what it made",
	}
}

// onlyOurs fails if the directory at path, which a file will replace, holds something that git-sync did not make.
func (u *update) onlyOurs(path string) error {
	return filepath.WalkDir(filepath.Join(u.dir, path), func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e, ok := u.ours[name[len(u.dir)+1:]]; !ok || e.Mode&borrowed != 0 {
			return u.inTheWay(name[len(u.dir)+1:])
		}
		return nil
	})
}

// same reports whether the existing file, which was written as old says, is equal to e.
func (u *update) same(now fs.FileInfo, old entry, e *entry) bool {
	if !e.Mode.IsRegular() {
		return intact(filepath.Join(u.dir, e.Path), now, *e)
	}
	if !u.thisBoot || !intact("", now, old) || now.Mode() != e.Mode {
		return false
	}
	if old.Source != e.Source {
		if sum, err := sumOf(filepath.Join(u.from, e.Path)); err != nil || sum != old.Sum {
			return false
		}
	}
	e.Copied, e.Sum = old.Copied, old.Sum
	return true
}

// intact reports whether info, of the file called name, shows that e is unchanged.
func intact(name string, info fs.FileInfo, e entry) bool {
	switch {
	case e.Mode&borrowed != 0:
		return info.IsDir()
	case e.Mode.IsRegular():
		return info.Mode() == e.Mode && stateOf(info) == e.Copied
	case e.Mode.IsDir():
		return info.IsDir() && info.Mode().Perm() == e.Mode.Perm()
	default:
		target, err := os.Readlink(name)
		return err == nil && target == e.Sum
	}
}

func sumOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return string(h.Sum(nil)), err
}

func (u *update) staged(i int) string { return u.temp + "/" + strconv.Itoa(i) }

// stage makes an entry in the temporary directory. A file gets the modification time of the tree's file, so that a
// later edit of the copy changes it.
func (u *update) stage(i int) error {
	e := &u.next.entries[i]
	if e.Mode.IsDir() {
		return errors.Join(u.root.Mkdir(u.staged(i), 0o700), u.chmod(u.staged(i), e.Mode))
	}
	if !e.Mode.IsRegular() {
		return u.root.Symlink(e.Sum, u.staged(i))
	}
	in, err := os.Open(filepath.Join(u.from, e.Path))
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := u.root.OpenFile(u.staged(i), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	e.Sum = string(h.Sum(nil))
	mtime := time.Unix(0, e.Source.Mtime)
	return errors.Join(err, out.Chmod(e.Mode.Perm()), out.Close(), u.root.Chtimes(u.staged(i), mtime, mtime))
}

// chmod sets the mode of a directory. It keeps the setgid bit, by which a volume passes on its group.
func (u *update) chmod(name string, mode fs.FileMode) error {
	now, err := u.root.Lstat(name)
	if err != nil {
		return err
	}
	return u.root.Chmod(name, mode.Perm()|now.Mode()&fs.ModeSetgid)
}

// writeJournal records which paths become ours.
func (u *update) writeJournal() error {
	j := manifest{header: u.next.header}
	for _, m := range []*manifest{u.old, u.next} {
		for _, e := range m.entries {
			known, ok := u.ours[e.Path]
			if m == u.next && (!ok || known.Mode.Type() != e.Mode.Type()) || m == u.old && m.interrupted {
				j.entries = append(j.entries, entry{Path: e.Path, Mode: e.Mode})
			}
		}
	}
	return j.write(u.journal)
}

// place moves an entry to where consumers see it.
func (u *update) place(i int) error {
	e := &u.next.entries[i]
	now, err := u.root.Lstat(e.Path)
	if err == nil && now.IsDir() != e.Mode.IsDir() {
		if err := u.root.RemoveAll(e.Path); err != nil { // plan has checked that all of it is ours
			return err
		}
	}
	if err == nil && now.IsDir() && e.Mode.IsDir() {
		return u.chmod(e.Path, e.Mode)
	}
	if err := u.root.Rename(u.staged(i), e.Path); err != nil {
		return err
	}
	if now, err = u.root.Lstat(e.Path); err == nil && e.Mode.IsRegular() {
		e.Copied = stateOf(now)
		if e.Copied.Mtime != e.Source.Mtime || e.Copied.Size != e.Source.Size {
			e.Copied = state{} // already modified: the next sync repairs it
		}
	}
	return err
}

// removeOld removes what the new tree does not have, children before their parents.
func (u *update) removeOld() error {
	kept := u.next.byPath()
	replaced := map[string]bool{} // paths that are no longer what old says
	var gone []entry
	for _, e := range u.old.entries {
		if replaced[filepath.Dir(e.Path)] {
			replaced[e.Path] = true
			continue
		}
		if now, ok := kept[e.Path]; ok {
			replaced[e.Path] = now.Mode.IsDir() != e.Mode.IsDir()
			continue
		}
		now, err := u.root.Lstat(e.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // it may still exist
		}
		// An interrupted update can leave a second entry for a path whose type it changes.
		replaced[e.Path] = err != nil || e.Mode.IsDir() != now.IsDir()
		if !replaced[e.Path] && e.Mode&borrowed == 0 {
			gone = append(gone, e)
		}
	}
	var left []entry
	for _, e := range slices.Backward(gone) {
		switch err := u.root.Remove(e.Path); {
		case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST):
			left = append(left, entry{Path: e.Path, Mode: e.Mode | leftover})
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	slices.Reverse(left)
	u.next.entries = append(u.next.entries, left...)
	return nil
}

// changed returns an error that names the first difference between dir and m; nil if there is none. If m was written
// during another boot, it also reads the files, because a power cut may have lost their content.
func (m *manifest) changed(ctx context.Context, dir string) error {
	if m.interrupted {
		return errors.New("an update did not end")
	}
	thisBoot := m.Boot == disk.BootID()
	for _, e := range m.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Mode&leftover != 0 {
			continue
		}
		name := filepath.Join(dir, e.Path)
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		same := intact(name, info, e)
		if same && e.Mode.IsRegular() && !thisBoot {
			sum, err := sumOf(name)
			if err != nil {
				return err
			}
			same = sum == e.Sum
		}
		if !same {
			return fmt.Errorf("%s has changed", name)
		}
	}
	return nil
}

// foreign returns a path in a directory that is not in m; empty if there is none.
func (m *manifest) foreign(dir string) (string, error) {
	ours := m.byPath()
	found := ""
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel := name[len(dir)+1:]
		if e, ok := ours[rel]; (!ok || e.Mode&borrowed != 0) && !strings.HasPrefix(rel, tempDir) {
			found = name
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}
