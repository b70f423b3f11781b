//go:build amd64 || arm64

package crash

import (
	"fmt"
	"path/filepath"
	"strings"
)

// flushedBeforeRemoved checks that nothing which a publication has replaced is taken away before what is published has been
// flushed to the disk: the one thing that killing processes cannot show. What was published by an earlier run may not have
// been flushed either.
func flushedBeforeRemoved(calls []Call, b *sandbox) error {
	link, root := filepath.Join(b.dir, b.link), b.root()
	flip := &Call{Name: "an earlier run"}
	for _, c := range calls {
		switch {
		case strings.HasPrefix(c.Name, "rename") && (c.To == link || c.Exchange):
			flip = &c
		case c.Name == "syncfs":
			flip = nil
		case flip != nil && takesAway(c, root):
			return fmt.Errorf("%v: comes before what replaces it, put in place by %v, was flushed", c, *flip)
		}
	}
	return nil
}

// takesAway reports whether a call removes, or takes out of its place, a tree, a store, or a part of them.
func takesAway(c Call, root string) bool {
	rel, err := filepath.Rel(root, c.Path)
	if err != nil {
		return false
	}
	inTrash := strings.HasPrefix(rel, ".git-sync.trash/") || strings.HasPrefix(rel, ".git/git-sync/spare/")
	inTree := tree.MatchString(rel) || tree.MatchString(firstTwo(rel))
	switch c.Name {
	case "unlink", "unlinkat", "rmdir":
		return inTrash || inTree
	case "rename", "renameat", "renameat2":
		return tree.MatchString(rel) && !c.Exchange
	default:
		return false
	}
}

// firstTwo is the part of a path that may name a tree.
func firstTwo(rel string) string {
	parts := strings.SplitN(rel, "/", 3)
	if parts[0] == ".worktrees" && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}
