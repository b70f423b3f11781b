package outlet

import (
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
	// LayoutWorktrees names trees <root>/.worktrees/<hash>, as git-sync v4 does.
	LayoutWorktrees Layout = "worktrees"
)

const (
	worktreesDir = ".worktrees"
	revPrefix    = "rev-"
)

// Dirs are the directories, relative to the root, that hold trees.
func Dirs() []string { return []string{".", worktreesDir} }

// Dir returns the directory, relative to the root, that holds the trees.
func (l Layout) Dir() string {
	if l == LayoutWorktrees {
		return worktreesDir
	}
	return "."
}

// Place returns the name of a commit's tree relative to the root.
func (l Layout) Place(commit string) string {
	if l == LayoutWorktrees {
		return worktreesDir + "/" + commit
	}
	return revPrefix + commit
}

// Names reports whether the tree at place is named as the layout names trees.
func (l Layout) Names(place string) bool {
	return IsPlace(place) && strings.HasPrefix(place, worktreesDir+"/") == (l == LayoutWorktrees)
}

// IsPlace reports whether rel, relative to the root, is how a tree is named. Its
// leaf is a hash; ".2" and so on are appended where a tree has to replace a
// published one of the same commit on a file system that cannot exchange two names.
func IsPlace(rel string) bool {
	leaf, ok := strings.CutPrefix(rel, revPrefix)
	if !ok {
		leaf, ok = strings.CutPrefix(rel, worktreesDir+"/")
	}
	hash, number, numbered := strings.Cut(leaf, ".")
	return ok && git.IsHash(hash) && numbered == (number != "") && strings.Trim(number, "0123456789") == ""
}

// isTarget reports whether the target of a link is named as a tree is, by its last
// one or two components.
func isTarget(target string) bool {
	target = filepath.Clean(target)
	leaf := filepath.Base(target)
	return IsPlace(leaf) || IsPlace(filepath.Join(filepath.Base(filepath.Dir(target)), leaf))
}
