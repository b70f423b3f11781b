package outlet

import (
	"path"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
)

// Layout says how trees are named below the root. Consumers parse the link's
// target, and the releases of git-sync named it differently.
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

// Names reports whether the tree at place is named as the layout names trees: its
// leaf is a hash; ".2" and so on are appended where a tree has to replace a
// published one of the same commit on a file system that cannot exchange two names.
func (l Layout) Names(place string) bool {
	leaf, ok := strings.CutPrefix(place, l.Place(""))
	hash, number, numbered := strings.Cut(leaf, ".")
	return ok && git.IsHash(hash) && numbered == (number != "") && strings.Trim(number, "0123456789") == ""
}

// IsPlace reports whether rel, relative to the root, is how a tree is named.
func IsPlace(rel string) bool {
	return LayoutRev.Names(rel) || LayoutHash.Names(rel) || LayoutWorktrees.Names(rel)
}

// isTarget reports whether the target of a link is named as a tree is, by its last
// one or two components. A bare hash is no such name: others use it too.
func isTarget(target string) bool {
	dir, leaf := filepath.Split(filepath.Clean(target))
	return LayoutRev.Names(leaf) || LayoutWorktrees.Names(filepath.Base(dir)+"/"+leaf)
}
