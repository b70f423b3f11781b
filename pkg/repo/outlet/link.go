package outlet

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"git-sync/pkg/repo/internal/disk"
)

// tempLink begins the name of a link that is about to take the place of the
// published one.
const tempLink = disk.TempPrefix + "link-"

// Link is an outlet that publishes by a symlink, replaced by rename(2).
type Link struct{ Place }

// Check refuses a path that is neither free nor published by git-sync.
func (l Link) Check() error { return l.check(KindLink) }

// Heal removes temporary links, and what was a published directory before.
func (l Link) Heal() error {
	err := l.healLinks()
	if info, lerr := os.Lstat(l.Name); lerr == nil && !info.IsDir() {
		err = errors.Join(err, l.forget())
	}
	return err
}

// Inspect has nothing to look at: consumers see the tree itself.
func (Link) Inspect(context.Context) Condition { return Intact }

// Publish makes the link lead to t. The name of the new link is unique, so that
// nothing left behind can be in its way.
func (l Link) Publish(_ context.Context, t Tree) error {
	target, err := filepath.Rel(filepath.Dir(l.Name), filepath.Join(t.Dir, l.Subdir))
	if err != nil {
		return err
	}
	if now, err := os.Readlink(l.Name); err == nil && now == target {
		return nil
	}
	if err := l.Check(); err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(l.Name), tempLink+disk.Unique())
	info, err := os.Lstat(l.Name)
	wasDir := err == nil && info.IsDir() // published before, and nothing but ours is in it
	if wasDir {
		tmp = l.state(nextName)
		if err := l.trash().Discard(tmp); err != nil {
			return err
		}
	}
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	if wasDir {
		err = l.exchange(tmp, l.Name)
	} else {
		err = os.Rename(tmp, l.Name)
	}
	if err != nil {
		return errors.Join(err, disk.Remove(tmp))
	}
	return l.Heal()
}
