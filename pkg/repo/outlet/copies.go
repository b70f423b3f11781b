package outlet

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"git-sync/pkg/repo/internal/disk"
)

// copies publishes a copy of each tree as a directory, which is replaced as a whole or updated in place.
type copies struct {
	Place
	kind   Kind
	intact bool // result of the last Inspect
}

// InPlace is an outlet whose directory always stays the same. Each file is replaced by rename(2), so consumers may
// see an update of several files half done.
type InPlace struct{ copies }

// Directory is an outlet whose directory is exchanged as a whole.
type Directory struct{ copies }

// Check refuses a path that is neither free nor ours.
func (c *copies) Check() error { return c.check(c.kind) }

// Inspect compares what consumers see with the manifest.
func (c *copies) Inspect(ctx context.Context) Condition {
	m, err := readUpdated(c.state(manifestName), c.state(journalName))
	if err == nil {
		err = m.changed(ctx, c.Name)
	}
	c.intact = err == nil
	switch {
	case ctx.Err() != nil:
		return Unverified
	case err != nil:
		return Damaged
	case m.Boot != disk.BootID():
		m.Boot = disk.BootID()
		if m.write(c.state(manifestName)) != nil {
			return Unverified
		}
	}
	return Intact
}

// Heal finishes or reverts what a crash has left. An interrupted update in place is completed by the next
// publication.
func (c *copies) Heal() error {
	err := errors.Join(c.removeTemporaryLink(), c.reconcile())
	if info, lerr := os.Lstat(c.Name); lerr == nil && info.IsDir() {
		err = errors.Join(err, c.removeTemporary())
	}
	return err
}

// removeTemporary removes the temporary directory of a killed update from the published directory. If the repository
// has a directory of such a name, it stays.
func (c *copies) removeTemporary() error {
	left, err := disk.Glob(c.Name, tempDir+"*")
	if err != nil || len(left) == 0 {
		return err
	}
	m, err := readUpdated(c.state(manifestName), c.state(journalName))
	if err != nil {
		return err
	}
	ours := m.byPath()
	for _, name := range left {
		if _, published := ours[filepath.Base(name)]; !published {
			err = errors.Join(err, os.RemoveAll(name))
		}
	}
	return err
}

// Publish brings the directory up to date with t, file by file.
func (o *InPlace) Publish(ctx context.Context, t Tree) error {
	if err := errors.Join(o.Check(), o.makeState()); err != nil {
		return err
	}
	if info, err := os.Lstat(o.Name); err == nil && !info.IsDir() {
		return o.replace(ctx, t, &manifest{}) // it was published as a link
	}
	if !disk.Exists(o.Name) {
		if err := o.mkdirAs(o.Name, t); err != nil {
			return err
		}
	}
	old, err := readUpdated(o.state(manifestName), o.state(journalName))
	if err != nil {
		return err
	}
	old.compared = o.intact
	if err := o.fill(ctx, o.Name, t, old, o.state(manifestName)); err != nil {
		return err
	}
	return disk.Remove(o.state(journalName))
}

// mkdirAs makes a directory, unless it exists, with the mode of the tree's directory.
func (c *copies) mkdirAs(name string, t Tree) error {
	info, err := os.Stat(filepath.Join(t.Dir, c.Subdir))
	if err == nil {
		err = mkdir(name)
	}
	if err == nil {
		err = os.Chmod(name, info.Mode()|0o700)
	}
	return err
}

// fill brings dir, which holds what old says, up to date with t. It writes the manifest to the file called name.
func (c *copies) fill(ctx context.Context, dir string, t Tree, old *manifest, name string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	t.Dir = filepath.Join(t.Dir, c.Subdir)
	u := &update{dir: dir, tree: t, shared: c.Shared, old: old, next: &manifest{header: header{
		Kind: c.kind, ID: t.ID, Inode: stateOf(info).Ino, Boot: disk.BootID(), Since: c.Now(),
	}}}
	if dir == c.Name {
		u.journal = c.state(journalName)
	}
	if err := u.run(ctx); err != nil {
		return below(dir, err)
	}
	return u.next.write(name)
}

// below makes the paths in an error absolute. The error comes from an os.Root whose directory is dir.
func below(dir string, err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok && !filepath.IsAbs(at.Path) {
		at.Path = filepath.Join(dir, at.Path)
	}
	if renaming, ok := errors.AsType[*os.LinkError](err); ok && !filepath.IsAbs(renaming.New) {
		renaming.Old, renaming.New = filepath.Join(dir, renaming.Old), filepath.Join(dir, renaming.New)
	}
	return err
}

// Heal does the same as for every copy. It also refuses a file system on which two directories cannot be exchanged.
func (o *Directory) Heal() error {
	if err := errors.Join(o.copies.Heal(), o.makeState()); err != nil {
		return err
	}
	a, b := o.state("a"), o.state("b")
	err := errors.Join(mkdir(a), mkdir(b))
	if err == nil {
		err = o.exchange(a, b)
	}
	return errors.Join(err, disk.Remove(a), disk.Remove(b))
}

func mkdir(name string) error {
	if err := os.Mkdir(name, 0o777); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// exchange swaps the published path with another.
func (p Place) exchange(a, b string) error {
	err := p.Exchange(a, b)
	if errors.Is(err, errors.ErrUnsupported) {
		return &disk.RefusedError{
			Path: p.Name, Reason: "cannot be replaced at once: the file system cannot exchange two names (renameat2 with RENAME_EXCHANGE)",
			Remedy: "use another volume, or --publish=link or in-place; to change --publish of what is published already, remove it first",
		}
	}
	return err
}

// Publish exchanges the directory for a new copy of t. The copy is made from a spare directory if possible, so that
// only changed files are written.
func (o *Directory) Publish(ctx context.Context, t Tree) error {
	if err := errors.Join(o.Check(), o.makeState(), o.trash().Discard(o.state(nextName))); err != nil {
		return err
	}
	return o.replace(ctx, t, o.reuse(ctx))
}

// minGrace is the least time after which a replaced directory is used again: a reader may still be walking it.
const minGrace = 5 * time.Second

// reuse makes a spare directory the next one, if it was not modified, and returns its manifest.
func (o *Directory) reuse(ctx context.Context) *manifest {
	for _, spare := range o.spares() {
		if o.Now().Sub(replacedAt(spare)) < max(o.StaleTimeout, minGrace) {
			continue
		}
		m, err := readManifest(spare + extension)
		if err != nil || m.Boot != disk.BootID() || m.changed(ctx, spare) != nil {
			continue
		}
		if found, err := m.foreign(spare); err == nil && found == "" && os.Rename(spare, o.state(nextName)) == nil {
			_ = disk.Remove(spare + extension) // if that fails, the leftover manifest does no harm
			return m
		}
	}
	return &manifest{}
}

// replace makes the next directory from what old says is in it, and puts it in the place of the published one.
func (c *copies) replace(ctx context.Context, t Tree, old *manifest) error {
	next := c.state(nextName)
	if err := c.mkdirAs(next, t); err != nil {
		return err
	}
	if err := c.fill(ctx, next, t, old, next+extension); err != nil {
		return errors.Join(err, c.trash().Discard(next))
	}
	err := os.Rename(next, c.Name) // succeeds if the name is free, or is an empty directory
	if err != nil {
		err = c.exchange(next, c.Name)
	}
	if err != nil {
		return errors.Join(err, c.trash().Discard(next), disk.Remove(next+extension))
	}
	return c.reconcile()
}

// reconcile makes the state agree with the published directory, after an exchange or a crash.
// This is what a crash of replace can leave behind. The inode in next's manifest shows
// whether the exchange has happened:
//
//	next  its manifest  manifest  published is   what is done
//	new   absent        old       the old one    next is removed: it was not complete
//	new   of next       old       the old one    the same: it was complete, but not exchanged
//	old   of published  old       the new one    next becomes a spare with the old manifest, next's the manifest
//	-     of published  any       the new one    next's becomes the manifest: nothing was there before, or it is a spare by now
//
// It also removes the next directory and old spares.
func (c *copies) reconcile() error {
	next, now := c.state(nextName), c.state(manifestName)
	info, err := os.Lstat(c.Name)
	h, herr := readHeader(next + extension)
	if err == nil && herr == nil && info.IsDir() && stateOf(info).Ino == h.Inode {
		if replaced, err := os.Lstat(next); err == nil && replaced.IsDir() && c.kind == KindDirectory && disk.Exists(now) {
			spare := c.state(sparePrefix + strconv.FormatInt(c.Now().UnixNano(), 10))
			if err := errors.Join(os.Rename(next, spare), os.Rename(now, spare+extension)); err != nil {
				return err
			}
		}
		if err := errors.Join(os.Rename(next+extension, now), disk.Remove(c.state(journalName))); err != nil {
			return err
		}
	}
	err = errors.Join(c.trash().Discard(next), disk.Remove(next+extension))
	spares := c.spares()
	for i, spare := range spares {
		if last := i == len(spares)-1; c.kind != KindDirectory || !last && c.Now().Sub(replacedAt(spare)) >= c.StaleTimeout {
			err = errors.Join(err, disk.Remove(spare+extension), c.trash().Discard(spare))
		}
	}
	return err
}

// spares returns the directories that were replaced, the oldest first.
func (c *copies) spares() []string {
	entries, _ := os.ReadDir(c.state("")) // absent: none
	var all []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), sparePrefix) {
			all = append(all, c.state(e.Name()))
		}
	}
	return all
}

// replacedAt returns when a spare was replaced, from its name.
func replacedAt(spare string) time.Time {
	at, _ := strconv.ParseInt(strings.TrimPrefix(filepath.Base(spare), sparePrefix), 10, 64)
	return time.Unix(0, at)
}
