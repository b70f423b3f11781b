package outlet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// tempDir begins the name of the directory, in a published one, in which files are made
// that are about to be renamed into place.
const tempDir = disk.TempPrefix + "new-"

// update brings a directory from one tree to another. Files that differ are copied first,
// then renamed into place; what left the tree is removed last. Files of others stay.
type update struct {
	dir  string   // that is brought up to date
	root *os.Root // the same: no symlink within leads out of it
	from string   // the new tree's files
	old  *manifest
	// thisBoot says that old was written, or compared by content, during this boot.
	thisBoot bool
	ours     map[string]entry // the entries of the manifest old
	next     *manifest
	put      []int // the entries of next that are to be copied
	temp     string
	// journal is where the paths that become ours are noted before the first one is
	// there; empty for a directory that nobody sees yet.
	journal string
}

// run makes the update, and leaves what is in the directory then in u.next. Until ctx
// ends nothing that consumers see is changed; afterwards the update is completed.
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

// list returns what is in a tree, but for what git needs in it.
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
		e := entry{path: name[len(tree)+1:], mode: info.Mode() & (fs.ModeType | fs.ModePerm)}
		switch {
		case e.mode.IsRegular():
			e.source = stateOf(info)
		case e.mode.Type() == fs.ModeSymlink:
			e.sum, err = os.Readlink(name)
		}
		all = append(all, e)
		return err
	})
	return all, err
}

// plan finds out which entries are to be copied. It fails when a file that git-sync did not
// make is in the way, and changes nothing.
func (u *update) plan(ctx context.Context) error {
	made := map[string]bool{} // directories that are to be made, or to replace something
	for i := range u.next.entries {
		e := &u.next.entries[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		if made[filepath.Dir(e.path)] {
			made[e.path] = e.mode.IsDir()
			u.put = append(u.put, i)
			continue
		}
		now, err := os.Lstat(filepath.Join(u.dir, e.path))
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
		made[e.path] = e.mode.IsDir() && (!there || !now.IsDir())
		u.put = append(u.put, i)
	}
	return nil
}

// keeps reports whether what is in e's place stays: it is equal to e, or a directory
// that git-sync did not make. It fails when e cannot take its place.
func (u *update) keeps(now fs.FileInfo, e *entry) (bool, error) {
	old, ours := u.ours[e.path]
	switch {
	case now.IsDir() && e.mode.IsDir() && (!ours || old.mode&borrowed != 0):
		e.mode |= borrowed
		return true, nil
	case !ours:
		return false, u.inTheWay(e.path)
	case u.same(now, old, e):
		return true, nil
	case now.IsDir() && !e.mode.IsDir():
		return false, u.onlyOurs(e.path)
	}
	return false, nil
}

func (u *update) inTheWay(path string) error {
	return &disk.RefusedError{
		Path: filepath.Join(u.dir, path), Reason: "is in the way: git-sync did not make it, and the repository holds a file of that name",
		Remedy: "move it away; git-sync deletes only what it made",
	}
}

// onlyOurs fails when the directory at path, which is to be replaced by a file, holds
// something that git-sync did not make.
func (u *update) onlyOurs(path string) error {
	return filepath.WalkDir(filepath.Join(u.dir, path), func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e, ok := u.ours[name[len(u.dir)+1:]]; !ok || e.mode&borrowed != 0 {
			return u.inTheWay(name[len(u.dir)+1:])
		}
		return nil
	})
}

// same reports whether what is there now, and was put there as old says, is equal to e.
func (u *update) same(now fs.FileInfo, old entry, e *entry) bool {
	if !e.mode.IsRegular() {
		return intact(filepath.Join(u.dir, e.path), now, *e)
	}
	if !u.thisBoot || !intact("", now, old) || now.Mode() != e.mode {
		return false
	}
	if old.source != e.source {
		if sum, err := sumOf(filepath.Join(u.from, e.path)); err != nil || sum != old.sum {
			return false
		}
	}
	e.copied, e.sum = old.copied, old.sum
	return true
}

// intact reports whether info, of what is called name, shows e unchanged.
func intact(name string, info fs.FileInfo, e entry) bool {
	switch {
	case e.mode&borrowed != 0:
		return info.IsDir()
	case e.mode.IsRegular():
		return info.Mode() == e.mode && stateOf(info) == e.copied
	case e.mode.IsDir():
		return info.IsDir() && info.Mode().Perm() == e.mode.Perm()
	default:
		target, err := os.Readlink(name)
		return err == nil && target == e.sum
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
	return hex.EncodeToString(h.Sum(nil)), err
}

func (u *update) staged(i int) string { return u.temp + "/" + strconv.Itoa(i) }

// stage makes a file beside its place. Its time of modification is that of the tree's:
// an edit of the copy changes it.
func (u *update) stage(i int) error {
	e := &u.next.entries[i]
	if e.mode.IsDir() {
		return errors.Join(u.root.Mkdir(u.staged(i), 0o700), u.chmod(u.staged(i), e.mode))
	}
	if !e.mode.IsRegular() {
		return u.root.Symlink(e.sum, u.staged(i))
	}
	in, err := os.Open(filepath.Join(u.from, e.path))
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
	e.sum = hex.EncodeToString(h.Sum(nil))
	mtime := time.Unix(0, e.source.mtime)
	return errors.Join(err, out.Chmod(e.mode.Perm()), out.Close(), u.root.Chtimes(u.staged(i), mtime, mtime))
}

// chmod gives a directory its mode. It keeps the bit by which a volume hands its group on.
func (u *update) chmod(name string, mode fs.FileMode) error {
	now, err := u.root.Lstat(name)
	if err != nil {
		return err
	}
	return u.root.Chmod(name, mode.Perm()|now.Mode()&fs.ModeSetgid)
}

// writeJournal notes which paths become ours.
func (u *update) writeJournal() error {
	j := manifest{header: u.next.header}
	for _, m := range []*manifest{u.old, u.next} {
		for _, e := range m.entries {
			known, ok := u.ours[e.path]
			if m == u.next && (!ok || known.mode.Type() != e.mode.Type()) || m == u.old && m.interrupted {
				j.entries = append(j.entries, entry{path: e.path, mode: e.mode})
			}
		}
	}
	return j.write(u.journal)
}

// place puts an entry where consumers see it.
func (u *update) place(i int) error {
	e := &u.next.entries[i]
	now, err := u.root.Lstat(e.path)
	if err == nil && now.IsDir() != e.mode.IsDir() {
		if err := u.root.RemoveAll(e.path); err != nil { // plan has seen that all of it is ours
			return err
		}
	}
	if err == nil && now.IsDir() && e.mode.IsDir() {
		return u.chmod(e.path, e.mode)
	}
	if err := u.root.Rename(u.staged(i), e.path); err != nil {
		return err
	}
	if now, err = u.root.Lstat(e.path); err == nil && e.mode.IsRegular() {
		e.copied = stateOf(now)
		if e.copied.mtime != e.source.mtime || e.copied.size != e.source.size {
			e.copied = state{} // written to already: the next sync repairs it
		}
	}
	return err
}

// removeOld removes what the new tree does not have, last things first.
func (u *update) removeOld() error {
	kept := u.next.byPath()
	replaced := map[string]bool{} // directories that are no directory of ours any more
	var gone []entry
	for _, e := range u.old.entries {
		if replaced[filepath.Dir(e.path)] {
			replaced[e.path] = true
			continue
		}
		if now, ok := kept[e.path]; ok {
			replaced[e.path] = now.mode.IsDir() != e.mode.IsDir()
			continue
		}
		now, err := u.root.Lstat(e.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // not known to be gone
		}
		// There is a second entry for what an interrupted update changes the type of.
		replaced[e.path] = err != nil || e.mode.IsDir() != now.IsDir()
		if !replaced[e.path] && e.mode&borrowed == 0 {
			gone = append(gone, e)
		}
	}
	for _, e := range slices.Backward(gone) {
		err := u.root.Remove(e.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	return nil
}

// changed says what in a directory is not as m says; nil: nothing. Where m was written
// during another boot, a power cut may have taken the content of files, which are read.
func (m *manifest) changed(ctx context.Context, dir string) error {
	if m.interrupted {
		return errors.New("an update did not end")
	}
	thisBoot := m.Boot == disk.BootID()
	for _, e := range m.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := filepath.Join(dir, e.path)
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		same := intact(name, info, e)
		if same && e.mode.IsRegular() && !thisBoot {
			sum, err := sumOf(name)
			if err != nil {
				return err
			}
			same = sum == e.sum
		}
		if !same {
			return fmt.Errorf("%s has changed", name)
		}
	}
	return nil
}

// foreign returns a path in a directory that m does not have; empty when there is none.
func (m *manifest) foreign(dir string) (string, error) {
	ours := m.byPath()
	found := ""
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel := name[len(dir)+1:]
		if e, ok := ours[rel]; (!ok || e.mode&borrowed != 0) && !strings.HasPrefix(rel, tempDir) {
			found = name
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}
