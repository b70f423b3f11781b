package repo

import (
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// view is the published tree as the cheap checks found it intact, and how the
// files that they read looked then. As long as these look the same there is
// nothing new in them, and a poll costs a few calls of lstat(2).
type view struct {
	tree  Tree
	names [viewed]string
	looks [viewed]look
}

// The files of a view. What is in the tree itself is its readers' business.
const (
	viewedLink = iota
	viewedTree
	viewedGitlink
	viewedHead
	viewedIndex
	viewedCommon
	viewedBack
	viewed
)

// look is what tells a file that was changed or replaced.
type look struct {
	dev, ino     uint64
	size         int64
	mode         uint32
	ctime, mtime unix.Timespec
}

// settled is for how long a file must have been left alone before its look says
// that it is the same: two changes within one tick of the file system's clock
// look alike.
const settled = 100 * time.Millisecond

// lookAt returns the look of a file; ok is false when there is none.
func lookAt(name string) (l look, ok bool) {
	var stat unix.Stat_t
	if unix.Lstat(name, &stat) != nil {
		return look{}, false
	}
	l = look{dev: stat.Dev, ino: stat.Ino, size: stat.Size, mode: stat.Mode, ctime: stat.Ctim, mtime: stat.Mtim}
	if stat.Mode&unix.S_IFMT == unix.S_IFDIR {
		l = look{dev: stat.Dev, ino: stat.Ino, mode: stat.Mode & unix.S_IFMT} // its readers may write into it
	}
	return l, true
}

// remember notes tree, which has just been found intact.
func (v *view) remember(r *Repo, tree Tree, now time.Time) {
	*v = view{}
	if len(tree.rec.Modules) > 0 {
		return // each of them has files of its own to look at
	}
	admin := r.store.admin(tree.rec.id)
	*v = view{tree: tree, names: [viewed]string{
		viewedLink: r.link, viewedTree: tree.Path, viewedGitlink: filepath.Join(tree.Path, gitDirName),
		viewedHead: filepath.Join(admin, "HEAD"), viewedIndex: filepath.Join(admin, "index"),
		viewedCommon: filepath.Join(admin, "commondir"), viewedBack: filepath.Join(admin, "gitdir"),
	}}
	for i, name := range v.names {
		l, ok := lookAt(name)
		if !ok || time.Unix(l.ctime.Unix()).After(now.Add(-settled)) {
			*v = view{}
			return
		}
		v.looks[i] = l
	}
}

// unchanged reports whether the tree looks as it did.
func (v *view) unchanged() bool {
	if v.tree.rel == "" {
		return false
	}
	for i, name := range v.names {
		if l, ok := lookAt(name); !ok || l != v.looks[i] {
			return false
		}
	}
	return true
}
