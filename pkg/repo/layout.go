package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
)

// Layout says how published trees are named below the root. Consumers parse
// the link's target, and the two generations of git-sync named it differently.
type Layout string

const (
	// LayoutRev publishes <root>/rev-<hash>, as git-sync v3 does.
	LayoutRev Layout = "rev"
	// LayoutWorktrees publishes <root>/.worktrees/<hash>, as git-sync v4 does.
	LayoutWorktrees Layout = "worktrees"
)

const (
	gitDirName   = ".git"       // the store, and the gitlink file of a tree
	worktreesDir = ".worktrees" // where LayoutWorktrees keeps its trees
	adminDirName = "worktrees"  // git's name for the admin directories in a store
	ownDirName   = "git-sync"   // our directory in a store
	revPrefix    = "rev-"
	// tempPrefix begins the name of everything temporary outside the store.
	// A name that begins so is a leftover when nobody is at work.
	tempPrefix  = ".git-sync."
	nextStore   = tempPrefix + "next"  // a store being built
	rootTrash   = tempPrefix + "trash" // where there is no store to hold the trash
	oldStore    = tempPrefix + "old"   // a store being replaced, where exchange(2) is missing
	buildPrefix = tempPrefix + "build-"
	linkPrefix  = tempPrefix + "link-"
)

const (
	decimals = "0123456789"
	hexes    = decimals + "abcdef"
)

// madeOf reports whether s has no other characters than those of set.
func madeOf(s, set string) bool { return strings.Trim(s, set) == "" }

// hashOfTree returns the commit that rel, relative to the root, names as the
// tree of; ok is false when it is no tree's name. A tree's leaf is the hash;
// ".2" and so on are appended where a tree has to replace a published one of
// the same commit on a file system that cannot exchange two names.
func hashOfTree(rel string) (hash string, ok bool) {
	leaf, ok := strings.CutPrefix(rel, revPrefix)
	if !ok {
		leaf, ok = strings.CutPrefix(rel, worktreesDir+"/")
	}
	hash, number, numbered := strings.Cut(leaf, ".")
	if !ok || !git.IsHash(hash) || numbered && number == "" || !madeOf(number, decimals) {
		return "", false
	}
	return hash, true
}

// isTreeName reports whether rel, relative to the root, is a tree's name.
func isTreeName(rel string) bool {
	_, ok := hashOfTree(rel)
	return ok
}

// treeRel returns the name of hash's tree relative to the root.
func (l Layout) treeRel(hash string) string {
	if l == LayoutWorktrees {
		return worktreesDir + "/" + hash
	}
	return revPrefix + hash
}

// owns reports whether the tree at rel is named as the layout names trees.
func (l Layout) owns(rel string) bool {
	return isTreeName(rel) && strings.HasPrefix(rel, worktreesDir+"/") == (l == LayoutWorktrees)
}

// treesDir returns the directory, relative to the root, that holds the trees.
func (l Layout) treesDir() string {
	if l == LayoutWorktrees {
		return worktreesDir
	}
	return "."
}

// hashOfTarget returns the commit that a link's target names, by the shape of
// its last one or two components; ok is false when it is not a tree's name.
func hashOfTarget(target string) (hash string, ok bool) {
	target = filepath.Clean(target)
	leaf := filepath.Base(target)
	if hash, ok = hashOfTree(leaf); ok || filepath.Base(filepath.Dir(target)) != worktreesDir {
		return hash, ok
	}
	return hashOfTree(worktreesDir + "/" + leaf)
}

// gitlink returns the content of a tree's .git file: the admin directory id of
// the store at <root>/.git, relative, so that the volume can be mounted
// anywhere. rel is the tree's path below the root.
func gitlink(rel, admin string) string {
	return "gitdir: " + up(rel) + admin + "\n"
}

// up returns "../" once for every component of rel.
func up(rel string) string {
	return strings.Repeat("../", strings.Count(filepath.ToSlash(filepath.Clean(rel)), "/")+1)
}

// errNoContent is what a power cut leaves of a gitlink file.
var errNoContent = errors.New("the .git file is empty")

// readGitlink returns the admin directory that the .git file of the tree at
// dir names, made absolute; an error that is fs.ErrNotExist when there is none.
func readGitlink(dir string) (string, error) {
	name := filepath.Join(dir, gitDirName)
	info, err := os.Lstat(name)
	if err != nil {
		return "", err
	}
	if info.Mode().IsRegular() && info.Size() == 0 {
		return "", errNoContent
	}
	if !info.Mode().IsRegular() || info.Size() > 8192 {
		return "", fmt.Errorf("%s is not a gitlink file", name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	target, ok := parseGitlink(dir, string(data))
	if !ok {
		return "", fmt.Errorf("%s is not a gitlink file", name)
	}
	return target, nil
}

// parseGitlink returns what the content of a .git file in dir names, absolute.
func parseGitlink(dir, content string) (target string, ok bool) {
	target, ok = strings.CutPrefix(content, "gitdir: ")
	if !ok {
		return "", false
	}
	target = strings.TrimRight(target, "\r\n")
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	return filepath.Clean(target), true
}

// isTree reports whether the directory rel below the root is a tree made by
// some git-sync: it has a tree's name and a .git file that points into the
// root's store. The admin directory itself may be gone.
func (r *Repo) isTree(rel string) bool {
	if !isTreeName(filepath.ToSlash(rel)) {
		return false
	}
	dir := filepath.Join(r.root, rel)
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	admin, err := readGitlink(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return r.recorded(rel) // it has lost its .git file
	}
	if errors.Is(err, errNoContent) {
		return true // nobody else makes one below a name of ours
	}
	if err != nil {
		return false
	}
	// Older git-syncs wrote absolute paths, which are off when the volume is
	// mounted elsewhere: what identifies the store is ".git/worktrees/<id>".
	return strings.HasSuffix(filepath.Dir(admin), "/"+gitDirName+"/"+adminDirName)
}

// recorded reports whether a record says that we made a tree at rel.
func (r *Repo) recorded(rel string) bool {
	for _, rec := range r.records {
		if rec.Place == rel {
			return true
		}
	}
	return false
}

// trees returns the trees in the root, of either layout, relative to it.
func (r *Repo) trees() ([]string, error) {
	var rels []string
	for _, dir := range []string{".", worktreesDir} {
		entries, err := os.ReadDir(filepath.Join(r.root, dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing trees: %w", err)
		}
		for _, e := range entries {
			if rel := filepath.Join(dir, e.Name()); e.IsDir() && r.isTree(rel) {
				rels = append(rels, rel)
			}
		}
	}
	return rels, nil
}
