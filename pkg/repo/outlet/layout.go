package outlet

import (
	"path"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
)

// Layout says how trees are named below the root. Consumers parse the link's target, and releases of git-sync use
// different names.
type Layout string

const (
	// LayoutRev names trees <root>/rev-<hash>, as git-sync v3.0 to v3.2 do.
	LayoutRev Layout = "rev"
	// LayoutHash names trees <root>/<hash>, as git-sync v3.3 to v3.6 do.
	LayoutHash Layout = "hash"
	// LayoutWorktrees names trees <root>/.worktrees/<hash>, as git-sync v4 does.
	LayoutWorktrees Layout = "worktrees"
)

const worktreesDir = ".worktrees"

// Dirs are the directories, relative to the root, that hold trees.
func Dirs() []string { return []string{".", worktreesDir} }

// Dir returns the directory, relative to the root, that holds the trees.
func (l Layout) Dir() string { return path.Dir(l.Place("x")) }

// Place returns the name of a commit's tree relative to the root.
func (l Layout) Place(commit string) string {
	switch l {
	case LayoutWorktrees:
		return worktreesDir + "/" + commit
	case LayoutHash:
		return commit
	case LayoutRev:
	}
	return "rev-" + commit
}

// Names reports whether the tree at place is named as in this layout. The last part of the name is a hash. It ends in
// ".2" and so on if the tree replaced a published tree of the same commit on a file system that cannot exchange two
// names.
func (l Layout) Names(place string) bool {
	leaf, ok := strings.CutPrefix(place, l.Place(""))
	hash, number, numbered := strings.Cut(leaf, ".")
	return ok && git.IsHash(hash) && numbered == (number != "") && strings.Trim(number, "0123456789") == ""
}

// IsPlace reports whether rel, relative to the root, is the name of a tree in some layout.
func IsPlace(rel string) bool {
	return LayoutRev.Names(rel) || LayoutHash.Names(rel) || LayoutWorktrees.Names(rel)
}

// isTarget reports whether the last one or two components of a link's target are the name of a tree. A bare hash does
// not count, because other programs use such names too.
func isTarget(target string) bool {
	dir, leaf := filepath.Split(filepath.Clean(target))
	return LayoutRev.Names(leaf) || LayoutWorktrees.Names(filepath.Base(dir)+"/"+leaf)
}
