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

// Place is the published path of a root, and what all outlets have in common.
type Place struct {
	Root   string // absolute, symlinks resolved
	Name   string // published path: absolute, symlinks of its directory resolved
	Subdir string // published directory of the repository; empty: all of it
	// Exchange swaps two names. It returns errors.ErrUnsupported if the file system cannot do that.
	Exchange     func(a, b string) error
	StaleTimeout time.Duration // how long a replaced directory is kept
	Shared       bool          // see disk.GitDir
	Now          func() time.Time
}

// tempLink is the prefix of the name of a temporary link.
const tempLink = disk.TempPrefix + "link-"

// stateDir is the directory in the root with the state of published directories. It is not in the store, because the
// store may be replaced.
const stateDir = disk.TempPrefix + "published"

// The names in the state of one published directory.
const (
	manifestName = "manifest"
	journalName  = "journal"
	nextName     = "next"   // a directory that will be published
	sparePrefix  = "spare-" // a directory that was replaced
	extension    = ".manifest"
)

// Path returns the published path, absolute.
func (p Place) Path() string { return p.Name }

// id returns an identifier that is different for each published path.
func (p Place) id() string {
	sum := sha256.Sum256([]byte(Name(p.Root, p.Name)))
	return hex.EncodeToString(sum[:8])
}

// state returns the path of a file in the state of the published path.
func (p Place) state(name string) string { return filepath.Join(p.Root, stateDir, p.id(), name) }

func (p Place) makeState() error {
	return disk.GitDir{Name: p.Root, Shared: p.Shared}.MkdirAll(p.state(""))
}

// forget removes the state of the path as a published directory.
func (p Place) forget() error {
	err := p.trash().Discard(p.state(""))
	_ = os.Remove(filepath.Join(p.Root, stateDir)) // fails unless it is empty
	return err
}

func (p Place) trash() disk.Trash { return disk.Trash{Root: p.Root, Shared: p.Shared} }

// header returns the manifest's header for the published directory, which info describes; ok is false if git-sync did
// not make the directory.
func (p Place) header(info fs.FileInfo) (h header, ok bool) {
	// The journal comes first: an interrupted update in place will be completed.
	for _, name := range []string{journalName, nextName + extension, manifestName} {
		h, err := readHeader(p.state(name))
		if err == nil && (h.Kind == KindInPlace && name == manifestName || h.Inode == stateOf(info).Ino) {
			return h, true
		}
	}
	h, err := readHeader(p.state(journalName)) // of a first update in place
	return h, err == nil && h.Kind == KindInPlace
}

// Current returns what is published at the path, by any kind of outlet.
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

// treeOf returns the tree that a link with that target leads to, or into; ok is false if the target is not named like
// a tree.
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
		return fmt.Errorf("checking the published path: %w", err)
	case info.IsDir():
		return p.checkDir(kind, info, refuse)
	case info.Mode()&fs.ModeSymlink == 0:
		return refuse("is the published path, but is a regular file", "remove or rename it, or choose another name with --link; git-sync deletes only what it made")
	}
	target, err := os.Readlink(p.Name)
	if err != nil {
		return fmt.Errorf("reading the published link: %w", err)
	}
	if _, ok := p.treeOf(target); !ok {
		return refuse(fmt.Sprintf("is the published path, but is a symlink that git-sync did not make, to %q", target),
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
	case ours: // the directory will be replaced, with any files of others in it
		m, err := readUpdated(p.state(manifestName), p.state(journalName))
		if err != nil {
			return err
		}
		found, err := m.foreign(p.Name)
		if found != "" {
			return refuse("was published in place and cannot be replaced, because it holds "+found+", which git-sync did not make", "move that away, or use --publish=in-place")
		}
		return err
	case kind == KindLink:
		return refuse("is the published path, but is a directory that git-sync did not make", "remove or rename it, or choose another name with --link; git-sync deletes only what it made")
	}
	entries, err := os.ReadDir(p.Name)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempDir) && e.Name() != "lost+found" || kind == KindDirectory {
			return refuse("is the published path, but is a directory with files that git-sync did not make", "empty it, or choose another name with --link; git-sync deletes only what it made")
		}
	}
	return err
}

// mountOf identifies the mount that a path is on: rename(2) works only within one mount.
func mountOf(path string) [3]uint64 {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &stat); err != nil {
		return [3]uint64{}
	}
	return [3]uint64{uint64(stat.Dev_major), uint64(stat.Dev_minor), stat.Mnt_id} // before Linux 5.8, Mnt_id is 0
}

// temporaryLink returns the name of a link that will replace the published one. The name contains the id, because
// another git-sync may publish in the same directory.
func (p Place) temporaryLink() string {
	return filepath.Join(filepath.Dir(p.Name), tempLink+p.id())
}

// removeTemporaryLink removes what an interrupted publication has left at the temporary link. That may be the
// directory for which the link was exchanged.
func (p Place) removeTemporaryLink() error { return p.trash().Discard(p.temporaryLink()) }
