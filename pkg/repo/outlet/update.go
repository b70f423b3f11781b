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
	tree Tree     // its Dir is the directory with the files to publish
	old  *manifest
	// thisBoot says that old was written, or verified by content, during this boot.
	thisBoot bool
	ours     map[string]*entry // old's entries, by path
	next     *manifest
	copies   []staged
	tempName string   // of the temporary directory
	temp     *os.Root // the temporary directory
	// journal is the file that records which paths become ours before the first of them exists; empty if consumers do
	// not see the directory yet.
	journal string
	shared  bool // another user of the group may have to remove what a crash leaves
}

// staged is the copy of an entry in the temporary directory.
type staged struct {
	*entry        // of the new tree
	name   string // relative to the temporary directory
	within bool   // it is in a directory that is new too, and takes its place with it
	// When the update was planned, nothing had its path, or a directory.
	isNew, wasDir bool
}

// run makes the update, and sets u.next to the content of the directory. If ctx ends while files are copied, nothing
// that consumers see has changed. After that, the update is always completed.
func (u *update) run(ctx context.Context) (err error) {
	if u.root, err = os.OpenRoot(u.dir); err != nil {
		return err
	}
	defer func() { _ = u.root.Close() }()
	u.ours, u.thisBoot, u.tempName = u.old.byPath(), u.old.Boot == disk.BootID(), tempDir+disk.Unique()
	defer func() {
		if len(u.copies) > 0 {
			err = errors.Join(err, u.root.RemoveAll(u.tempName))
		}
	}()
	if err := u.prepare(ctx); err != nil {
		return err
	}
	if u.journal != "" {
		if err := u.writeJournal(); err != nil {
			return fmt.Errorf("noting the update: %w", err)
		}
	}
	if err := u.placeAll(); err != nil {
		return err
	}
	return u.removeOld()
}

// prepare makes all copies in the temporary directory.
func (u *update) prepare(ctx context.Context) error {
	list := u.list
	if u.tree.Index != "" {
		list = u.listIndex
	}
	err := list()
	if err == nil {
		err = u.plan(ctx)
	}
	if err == nil && len(u.copies) > 0 {
		err = u.stageAll(ctx)
	}
	for _, c := range u.copies {
		// Look again before the journal says that the path is ours: copying may have taken long.
		if err == nil && c.isNew && disk.Exists(filepath.Join(u.dir, c.Path)) {
			err = u.appeared(c.Path)
		}
	}
	return err
}

func (u *update) appeared(path string) error {
	return fmt.Errorf("%s has appeared during the update, which will be made again", filepath.Join(u.dir, path))
}

// plan determines which entries to copy. It changes nothing, and fails if a file that git-sync did not make is in the
// way.
func (u *update) plan(ctx context.Context) error {
	made := map[string]string{} // names of the copies of directories that are new, or replace something else
	for i := range u.next.entries {
		e := &u.next.entries[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		c := staged{entry: e, name: strconv.Itoa(i)}
		if parent, within := made[filepath.Dir(e.Path)]; within {
			c.name, c.within = filepath.Join(parent, filepath.Base(e.Path)), true
		} else if kept, err := u.keeps(&c); err != nil {
			return err
		} else if kept {
			continue
		}
		if e.Mode.IsDir() && !c.wasDir {
			made[e.Path] = c.name
		}
		u.copies = append(u.copies, c)
	}
	return nil
}

// keeps reports whether what exists at the path of c stays: it is equal to c, or a directory that git-sync did not
// make. The error says that c cannot replace it.
func (u *update) keeps(c *staged) (bool, error) {
	old, ours := u.ours[c.Path]
	if ours && *old == *c.entry && u.old.compared {
		return true, nil
	}
	now, err := os.Lstat(filepath.Join(u.dir, c.Path))
	if errors.Is(err, fs.ErrNotExist) {
		c.isNew = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.wasDir = now.IsDir()
	switch {
	case c.wasDir && c.Mode.IsDir() && (!ours || old.Mode&borrowed != 0):
		c.Mode |= borrowed
		return true, nil
	case !ours:
		return false, u.inTheWay(c.Path)
	case u.same(now, *old, c.entry):
		return true, nil
	case c.wasDir && !c.Mode.IsDir():
		return false, u.onlyOurs(c.Path)
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
	if old.Source != e.Source || e.Source.isCoarse() {
		if sum, err := sumOf(filepath.Join(u.tree.Dir, e.Path)); err != nil || sum != old.Sum {
			return false
		}
	}
	e.Copied, e.Sum = old.Copied, old.Sum
	return true
}

// stageAll makes the copies in the temporary directory.
func (u *update) stageAll(ctx context.Context) (err error) {
	if err := u.root.Mkdir(u.tempName, 0o700); err != nil {
		return err
	}
	if u.temp, err = u.root.OpenRoot(u.tempName); err != nil {
		return err
	}
	defer func() { err = below(filepath.Join(u.dir, u.tempName), errors.Join(err, u.temp.Close())) }()
	if u.shared {
		err = chmod(u.temp, ".", 0o770)
	}
	if err != nil {
		return err
	}
	for _, c := range u.copies {
		if err := errors.Join(ctx.Err(), u.stage(c)); err != nil {
			return err
		}
	}
	return nil
}

// stage makes one copy. A file gets the modification time of the tree's file, so that a later edit of the copy changes
// it.
func (u *update) stage(c staged) error {
	if c.Mode.IsDir() {
		return errors.Join(u.temp.Mkdir(c.name, 0o700), chmod(u.temp, c.name, c.Mode))
	}
	if !c.Mode.IsRegular() {
		return u.temp.Symlink(c.Sum, c.name)
	}
	in, err := os.Open(filepath.Join(u.tree.Dir, c.Path))
	if err != nil {
		return u.lost(c.Path, err)
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err == nil && u.tree.Index != "" && stateOf(info) != c.Source {
		err = u.touched(c.Path)
	}
	if err != nil {
		return err
	}
	out, err := u.temp.OpenFile(c.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	c.Sum = string(h.Sum(nil))
	mtime := time.Unix(0, c.Source.Mtime)
	err = errors.Join(err, out.Chmod(c.Mode.Perm()), u.temp.Chtimes(c.name, mtime, mtime))
	if info, serr := out.Stat(); serr == nil {
		c.Copied = stateOf(info)
	}
	return errors.Join(err, out.Close())
}

// chmod sets the mode of a directory. It keeps the setgid bit, by which a volume passes on its group.
func chmod(root *os.Root, name string, mode fs.FileMode) error {
	now, err := root.Lstat(name)
	if err != nil {
		return err
	}
	return root.Chmod(name, mode.Perm()|now.Mode()&fs.ModeSetgid)
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

// placeAll moves the copies to where consumers see them. It stops before it would replace what is not ours.
func (u *update) placeAll() error {
	for _, c := range u.copies {
		if err := u.place(c); err != nil {
			return err
		}
	}
	return nil
}

// place moves one copy.
func (u *update) place(c staged) error {
	if c.within {
		return nil
	}
	now, err := u.root.Lstat(c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case c.isNew, now.IsDir() && !c.wasDir:
		return u.appeared(c.Path)
	case now.IsDir() && c.Mode.IsDir():
		return chmod(u.root, c.Path, c.Mode)
	case now.IsDir():
		if err := u.onlyOurs(c.Path); err != nil {
			return err
		}
		fallthrough
	case c.Mode.IsDir():
		if err := u.root.RemoveAll(c.Path); err != nil {
			return err
		}
	}
	if err := u.root.Rename(u.tempName+"/"+c.name, c.Path); err != nil {
		return err
	}
	if now, err = u.root.Lstat(c.Path); err == nil && c.Mode.IsRegular() {
		made := c.Copied
		c.Copied = stateOf(now)
		if c.Copied.Mtime != made.Mtime || c.Copied.Size != made.Size {
			c.Copied = state{} // already modified: the next sync repairs it
		}
	}
	return err
}

// removeOld removes what the new tree does not have, children before their parents.
func (u *update) removeOld() error {
	gone, err := u.gone()
	if err != nil {
		return err
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

// gone returns the entries of the old tree that the new one does not have, and that are still ours.
func (u *update) gone() (gone []entry, err error) {
	ours := u.old.byPath()
	for _, e := range u.next.entries {
		if old, ok := ours[e.Path]; ok {
			old.stays, old.isDir = true, e.Mode.IsDir()
		}
	}
	replaced := map[string]bool{} // paths that are no longer what old says
	for _, e := range u.old.entries {
		last, isReplaced := ours[e.Path], false
		switch {
		case replaced[filepath.Dir(e.Path)]:
			isReplaced = true
		case last.stays:
			isReplaced = last.isDir != e.Mode.IsDir()
		default:
			now, err := u.root.Lstat(e.Path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err // it may still exist
			}
			isReplaced = err != nil || e.Mode.IsDir() != now.IsDir()
			if !isReplaced && e.Mode&borrowed == 0 {
				gone = append(gone, e)
			}
		}
		if isReplaced {
			replaced[e.Path] = true
		} else {
			delete(replaced, e.Path) // an interrupted update can leave two entries of different types for a path
		}
	}
	return gone, nil
}
