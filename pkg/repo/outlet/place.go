package outlet

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/repo/internal/disk"
)

// Place is where a root is published, and what every outlet knows of that.
type Place struct {
	Root   string // absolute, symlinks resolved
	Name   string // published path: absolute, symlinks of its directory resolved
	Subdir string // the directory of the repository that is published; empty: all of it
	// Exchange swaps two names; errors.ErrUnsupported where the file system cannot.
	Exchange     func(a, b string) error
	StaleTimeout time.Duration // how long a replaced directory stays
	Shared       bool          // see disk.GitDir
	Now          func() time.Time
}

// stateDir is the directory, in the root, of what is known of published directories. It is
// not in the store, which may be replaced.
const stateDir = disk.TempPrefix + "published"

// The names in the state of one published directory.
const (
	manifestName = "manifest"
	journalName  = "journal"
	nextName     = "next"   // a directory that is about to be published
	sparePrefix  = "spare-" // one that was replaced
	extension    = ".manifest"
)

// Path is the published path.
func (p Place) Path() string { return p.Name }

// state is the path of something that is kept for the published path.
func (p Place) state(name string) string {
	sum := sha256.Sum256([]byte(Name(p.Root, p.Name)))
	return filepath.Join(p.Root, stateDir, hex.EncodeToString(sum[:8]), name)
}

func (p Place) makeState() error {
	return disk.GitDir{Name: p.Root, Shared: p.Shared}.MkdirAll(p.state(""))
}

// forget drops what is known of the path as a published directory.
func (p Place) forget() error {
	err := p.trash().Discard(p.state(""))
	_ = os.Remove(filepath.Join(p.Root, stateDir)) // goes when it is empty
	return err
}

func (p Place) trash() disk.Trash { return disk.Trash{Root: p.Root, Shared: p.Shared} }

// header returns what is known of the directory that is published, info being its own; ok
// is false when git-sync has not put it there.
func (p Place) header(info fs.FileInfo) (h header, ok bool) {
	for _, name := range []string{nextName + extension, manifestName} {
		h, err := readHeader(p.state(name))
		if err == nil && (h.Kind == KindInPlace && name == manifestName || h.Inode == stateOf(info).ino) {
			return h, true
		}
	}
	h, err := readHeader(p.state(journalName)) // of a first update, in place
	return h, err == nil && h.Kind == KindInPlace
}

// Current returns what is published at the path, in whichever way.
func (p Place) Current() (Published, bool) {
	info, err := os.Lstat(p.Name)
	if err != nil {
		return Published{}, false
	}
	if info.IsDir() {
		h, ok := p.header(info)
		return Published{Kind: h.Kind, Dir: p.Name, ID: h.ID, Since: h.Since}, ok
	}
	target, err := os.Readlink(p.Name)
	if err != nil {
		return Published{}, false
	}
	tree, ok := p.treeOf(target)
	if !ok {
		return Published{}, false
	}
	out := Published{Kind: KindLink, Dir: tree, Tree: tree, Since: info.ModTime()}
	if dir, err := filepath.EvalSymlinks(tree); err == nil {
		out.Dir, out.Tree = dir, dir
	}
	out.Dir = filepath.Join(out.Dir, p.Subdir)
	if admin, err := disk.ReadGitlink(out.Tree); err == nil {
		out.ID = filepath.Base(admin)
	}
	return out, true
}

// treeOf returns the tree that a link with that target leads to, or into; ok is false
// where its name is not that of a tree.
func (p Place) treeOf(target string) (tree string, ok bool) {
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(p.Name), target)
	}
	for at := filepath.Clean(target); at != "/"; at = filepath.Dir(at) {
		if isTarget(at) || IsPlace(strings.TrimPrefix(at, p.Root+"/")) {
			return at, true
		}
	}
	return "", false
}

// check refuses a published path that is neither free nor ours.
func (p Place) check(kind Kind) error {
	refuse := func(reason, remedy string) error {
		return &disk.RefusedError{Path: p.Name, Reason: reason, Remedy: remedy}
	}
	rel := strings.TrimPrefix(p.Name, p.Root+"/")
	first, _, _ := strings.Cut(rel, "/")
	if p.Name == p.Root || first == disk.GitName || first == stateDir || IsPlace(rel) {
		return refuse("cannot be the published path: git-sync needs that path itself", "choose another name with --link")
	}
	if kind != KindLink && strings.HasPrefix(p.Root, p.Name+"/") {
		return refuse("cannot be the published path: the root is in it", "choose another --root or --link")
	}
	if kind == KindDirectory && mountOf(filepath.Dir(p.Name)) != mountOf(p.Root) {
		return refuse("is on another volume or mount than the root: a directory cannot be exchanged for one there",
			"choose a --link below --root, or use --publish=in-place")
	}
	info, err := os.Lstat(p.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at the published path: %w", err)
	case info.IsDir():
		return p.checkDir(kind, info, refuse)
	case info.Mode()&fs.ModeSymlink == 0:
		return refuse("is to be published, but is an ordinary file", "remove or rename it, or choose another name with --link; git-sync deletes only what it made")
	}
	target, err := os.Readlink(p.Name)
	if err != nil {
		return fmt.Errorf("reading the published link: %w", err)
	}
	if _, ok := p.treeOf(target); !ok {
		return refuse(fmt.Sprintf("is to be published, but is a link that git-sync did not make, to %q", target),
			"remove it, or choose another name with --link; git-sync deletes only what it made")
	}
	return nil
}

// checkDir is check for a path that is a directory.
func (p Place) checkDir(kind Kind, info fs.FileInfo, refuse func(reason, remedy string) error) error {
	if kind != KindInPlace && mountOf(p.Name) != mountOf(filepath.Dir(p.Name)) {
		return refuse("is a mount point, which cannot be replaced", "mount the directory above it, or use --publish=in-place")
	}
	h, ours := p.header(info)
	switch {
	case ours && (kind == KindInPlace || h.Kind == KindDirectory):
		return nil
	case ours: // files of others may be in it, which would go with it
		m, err := readUpdated(p.state(manifestName), p.state(journalName))
		if err != nil {
			return err
		}
		found, err := m.foreign(p.Name)
		if found != "" {
			return refuse("was published in place and is to be replaced, but holds "+found+", which git-sync did not make", "move that away, or use --publish=in-place")
		}
		return err
	case kind == KindLink:
		return refuse("is to be published, but is an ordinary directory", "remove or rename it, or choose another name with --link; git-sync deletes only what it made")
	}
	entries, err := os.ReadDir(p.Name)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempDir) && e.Name() != "lost+found" || kind == KindDirectory {
			return refuse("is to be published, but is a directory that git-sync did not fill", "empty it, or choose another name with --link; git-sync deletes only what it made")
		}
	}
	return err
}

// mountOf identifies the mount that a path is on: a file is only renamed within one.
func mountOf(path string) [3]uint64 {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &stat); err != nil {
		return [3]uint64{}
	}
	return [3]uint64{uint64(stat.Dev_major), uint64(stat.Dev_minor), stat.Mnt_id} // Linux before 5.8: no mount
}

// healLinks removes the temporary links of interrupted publications. Another sync may
// publish in the same directory: links to trees of other roots stay.
func (p Place) healLinks() error {
	dir := filepath.Dir(p.Name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking for leftovers: %w", err)
	}
	for _, e := range entries {
		if name := filepath.Join(dir, e.Name()); strings.HasPrefix(e.Name(), tempLink) && leadsToTree(p.Root, name) {
			err = errors.Join(err, disk.Remove(name))
		}
	}
	return err
}
