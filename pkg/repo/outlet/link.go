package outlet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/repo/internal/disk"
)

// tempLink begins the name of a link that is about to take the place of the
// published one.
const tempLink = disk.TempPrefix + "link-"

// Link is an outlet that publishes by a symlink, replaced by rename(2).
type Link struct {
	Root string // absolute, symlinks resolved
	Name string // path of the link: absolute, symlinks of its directory resolved
}

// Path is where the link is.
func (l Link) Path() string { return l.Name }

// Check refuses a path that is neither free nor a link to a tree.
func (l Link) Check() error {
	if l.Name == l.Root || strings.HasPrefix(l.Name+"/", filepath.Join(l.Root, disk.GitName)+"/") || IsPlace(strings.TrimPrefix(l.Name, l.Root+"/")) {
		return &disk.RefusedError{Path: l.Name, Reason: "cannot be the published link: git-sync needs that path itself", Remedy: "choose another name with --link"}
	}
	info, err := os.Lstat(l.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the published link: %w", err)
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		what := "file"
		if info.IsDir() {
			what = "directory"
		}
		return &disk.RefusedError{
			Path:   l.Name,
			Reason: "is to be the published link, but is an ordinary " + what,
			Remedy: "remove or rename it, or choose another name with --link; git-sync deletes only what it made",
		}
	}
	target, err := os.Readlink(l.Name)
	if err != nil {
		return fmt.Errorf("reading the published link: %w", err)
	}
	if !isTarget(target) && !leadsToTree(l.Root, l.Name) {
		return &disk.RefusedError{
			Path:   l.Name,
			Reason: fmt.Sprintf("is to be the published link, but is a link that git-sync did not make, to %q", target),
			Remedy: "remove it, or choose another name with --link; git-sync deletes only what it made",
		}
	}
	return nil
}

// Current returns the tree that the link leads to.
func (l Link) Current() (Published, bool) {
	info, err := os.Lstat(l.Name)
	if err != nil {
		return Published{}, false
	}
	target, err := os.Readlink(l.Name)
	if err != nil || !isTarget(target) && !leadsToTree(l.Root, l.Name) {
		return Published{}, false
	}
	p := Published{Dir: target, Since: info.ModTime()}
	if !filepath.IsAbs(target) {
		p.Dir = filepath.Join(filepath.Dir(l.Name), target)
	}
	if dir, err := filepath.EvalSymlinks(l.Name); err == nil {
		p.Dir = dir
	}
	if admin, err := disk.ReadGitlink(p.Dir); err == nil {
		p.ID = filepath.Base(admin)
	}
	return p, true
}

// Publish makes the link lead to dir. The name of the new link is unique, so that
// nothing left behind can be in its way.
func (l Link) Publish(dir string) error {
	target, err := filepath.Rel(filepath.Dir(l.Name), dir)
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
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, l.Name); err != nil {
		return errors.Join(err, disk.Remove(tmp))
	}
	return nil
}

// Heal removes the temporary links of interrupted publications. Another sync may
// publish in the same directory: links to trees of other roots stay.
func (l Link) Heal() error {
	dir := filepath.Dir(l.Name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking for leftovers: %w", err)
	}
	for _, e := range entries {
		if name := filepath.Join(dir, e.Name()); strings.HasPrefix(e.Name(), tempLink) && leadsToTree(l.Root, name) {
			err = errors.Join(err, disk.Remove(name))
		}
	}
	return err
}

// leadsToTree reports whether name is a link that is named as links to trees of
// this root are; the tree may be gone. A link outside of the root may by now be that
// of another root, of which ours is a copy.
func leadsToTree(root, name string) bool {
	target, err := os.Readlink(name)
	if err != nil {
		return false
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(name))
	if err != nil {
		return false
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	rel, err := filepath.Rel(root, target)
	return err == nil && IsPlace(rel)
}
