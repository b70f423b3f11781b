package outlet

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"git-sync/pkg/repo/internal/disk"
)

// copies publishes a copy of each tree as a directory: that is replaced as a whole, or
// updated in place.
type copies struct {
	Place
	kind      Kind
	condition Condition
}

// InPlace is an outlet whose directory stays the same for ever. Each file is replaced by
// rename(2); an update of several files can be seen half done.
type InPlace struct{ copies }

// Directory is an outlet whose directory is exchanged as a whole.
type Directory struct{ copies }

// Check refuses a path that is neither free nor ours.
func (c *copies) Check() error { return c.check(c.kind) }

// Inspect compares what consumers see with what was put there.
func (c *copies) Inspect(ctx context.Context) Condition {
	c.condition = c.inspect(ctx)
	return c.condition
}

func (c *copies) inspect(ctx context.Context) Condition {
	m, err := readUpdated(c.state(manifestName), c.state(journalName))
	if err == nil {
		err = m.changed(ctx, c.Name)
	}
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

// Heal finishes or takes back what a crash has left. An update in place that did not end
// is completed by the next publication.
func (c *copies) Heal() error {
	err := errors.Join(c.healLinks(), c.settle())
	if info, lerr := os.Lstat(c.Name); lerr == nil && info.IsDir() {
		err = errors.Join(err, c.removeTemporary())
	}
	return err
}

// removeTemporary removes what a killed update has left in the published directory. The
// repository may have a directory of such a name: that stays.
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
	if err := o.fill(ctx, o.Name, t, old, o.state(manifestName)); err != nil {
		return err
	}
	return disk.Remove(o.state(journalName))
}

// mkdirAs makes a directory, unless it is there, with the mode of t's.
func (c *copies) mkdirAs(name string, t Tree) error {
	info, err := os.Stat(filepath.Join(t.Dir, c.Subdir))
	if err == nil {
		err = mkdir(name)
	}
	if err == nil {
		err = os.Chmod(name, info.Mode())
	}
	return err
}

// fill brings a directory, in which old is, up to date with t, and writes its manifest.
func (c *copies) fill(ctx context.Context, dir string, t Tree, old *manifest, name string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	u := &update{dir: dir, from: filepath.Join(t.Dir, c.Subdir), old: old, next: &manifest{header: header{
		Kind: c.kind, ID: t.ID, Inode: stateOf(info).ino, Boot: disk.BootID(), Since: c.Now(),
	}}}
	if dir == c.Name {
		u.journal = c.state(journalName)
	}
	if err := u.run(ctx); err != nil {
		return err
	}
	c.condition = Intact
	return u.next.write(name)
}

// Heal is as for every copy, and refuses a file system on which two directories cannot be exchanged.
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

// Publish exchanges the directory for one that is a copy of t. That is made from a
// directory that was replaced earlier, so that only what differs is written.
func (o *Directory) Publish(ctx context.Context, t Tree) error {
	if err := errors.Join(o.Check(), o.makeState(), o.trash().Discard(o.state(nextName))); err != nil {
		return err
	}
	return o.replace(ctx, t, o.reuse(ctx))
}

// minGrace is the least time that a directory is out of publication before it is used
// again: a reader may still walk it.
const minGrace = 5 * time.Second

// reuse makes a spare directory the next one, if nobody has changed it, and returns what is in it.
func (o *Directory) reuse(ctx context.Context) *manifest {
	for _, s := range o.spares() {
		if o.Now().Sub(s.since) < max(o.StaleTimeout, minGrace) {
			continue
		}
		m, err := readManifest(s.dir + extension)
		if err != nil || m.Boot != disk.BootID() || m.changed(ctx, s.dir) != nil {
			continue
		}
		if found, err := m.foreign(s.dir); err == nil && found == "" && os.Rename(s.dir, o.state(nextName)) == nil {
			_ = disk.Remove(s.dir + extension) // else Heal does
			return m
		}
	}
	return &manifest{}
}

// replace makes the next directory, from what old says is in it, and puts it in the
// place of what is published.
func (c *copies) replace(ctx context.Context, t Tree, old *manifest) error {
	next := c.state(nextName)
	if err := c.mkdirAs(next, t); err != nil {
		return err
	}
	if err := c.fill(ctx, next, t, old, next+extension); err != nil {
		return errors.Join(err, c.trash().Discard(next))
	}
	err := os.Rename(next, c.Name) // where nothing is, or an empty directory
	if err != nil {
		err = c.exchange(next, c.Name)
	}
	if err != nil {
		return errors.Join(err, c.trash().Discard(next), disk.Remove(next+extension))
	}
	return c.settle()
}

// settle brings the state in line with what is published, after an exchange or a crash:
// what was replaced becomes a spare, and what is of no use any more is removed.
func (c *copies) settle() error {
	next, now := c.state(nextName), c.state(manifestName)
	info, err := os.Lstat(c.Name)
	h, herr := readHeader(next + extension)
	if err == nil && herr == nil && info.IsDir() && stateOf(info).ino == h.Inode {
		if replaced, err := os.Lstat(next); err == nil && replaced.IsDir() && c.kind == KindDirectory && disk.Exists(now) {
			spare := c.state(sparePrefix + disk.Unique())
			stamp := c.Now()
			err = errors.Join(os.Rename(next, spare), os.Rename(now, spare+extension), os.Chtimes(spare+extension, stamp, stamp))
			if err != nil {
				return err
			}
		}
		if err := errors.Join(os.Rename(next+extension, now), disk.Remove(c.state(journalName))); err != nil {
			return err
		}
	}
	err = errors.Join(c.trash().Discard(next), disk.Remove(next+extension))
	for i, s := range c.spares() {
		if last := i == len(c.spares())-1; s.since.IsZero() || c.kind != KindDirectory || !last && c.Now().Sub(s.since) >= c.StaleTimeout {
			err = errors.Join(err, c.trash().Discard(s.dir), disk.Remove(s.dir+extension))
		}
	}
	return err
}

// spare is a directory that was published before.
type spare struct {
	dir   string
	since time.Time // when it was replaced; zero: not known
}

// spares returns the replaced directories, the first to be replaced first.
func (c *copies) spares() []spare {
	entries, _ := os.ReadDir(c.state("")) // absent: none
	var all []spare
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), extension)
		if !strings.HasPrefix(name, sparePrefix) || !e.IsDir() {
			continue
		}
		s := spare{dir: filepath.Join(c.state(""), name)}
		if info, err := os.Stat(s.dir + extension); err == nil {
			s.since = info.ModTime()
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b spare) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.dir, b.dir)) })
	return all
}
