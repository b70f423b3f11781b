package outlet

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"git-sync/pkg/repo/internal/disk"
)

// Link is an outlet that publishes by a symlink, replaced by rename(2).
type Link struct{ Place }

// Check refuses a path that is neither free nor published by git-sync.
func (l Link) Check() error { return l.check(KindLink) }

// Heal removes the temporary link, and the state of a directory that was published before.
func (l Link) Heal() error {
	err := l.removeTemporaryLink()
	if info, lerr := os.Lstat(l.Name); lerr == nil && !info.IsDir() {
		err = errors.Join(err, l.forget())
	}
	return err
}

// Inspect always returns Intact, because consumers see the tree itself.
func (Link) Inspect(context.Context) Condition { return Intact }

// Publish makes the link lead to t.
func (l Link) Publish(_ context.Context, t Tree) error {
	target, err := filepath.Rel(filepath.Dir(l.Name), filepath.Join(t.Dir, l.Subdir))
	if err != nil {
		return err
	}
	if now, err := os.Readlink(l.Name); err == nil && now == target {
		return nil
	}
	if err := errors.Join(l.Check(), l.removeTemporaryLink()); err != nil {
		return err
	}
	tmp := l.temporaryLink()
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	if info, serr := os.Lstat(l.Name); serr == nil && info.IsDir() { // published before; Check found only our files in it
		err = l.exchange(tmp, l.Name)
	} else {
		err = os.Rename(tmp, l.Name)
	}
	if err != nil {
		return errors.Join(err, disk.Remove(tmp))
	}
	return l.Heal()
}
