package repo

import "path/filepath"

// condition is what is known of the tree that is published.
type condition int

const (
	unlooked condition = iota // nobody has looked yet
	fit                       // nothing speaks against it
	doubtful                  // written during another boot, and its content not compared since
	damaged                   // proved to differ from its commit, or without what git needs of it
	gone                      // the link leads nowhere
)

// why says why the published tree is not to be used; empty when it may be.
func (c condition) why() string {
	switch c {
	case unlooked:
		return "what is published has not been checked yet"
	case doubtful:
		return "what is published was written before the machine was started anew, and could not be checked yet"
	case damaged:
		return "what is published is damaged, and is to be made anew"
	case gone:
		return "what was published is gone, and is to be made anew"
	case fit:
	}
	return ""
}

// broken reports whether the published tree needs to be made anew.
func (c condition) broken() bool { return c == damaged || c == gone }

// judge says in which condition the published tree is, by the cheap checks and
// by what is known of it from before.
func (r *Repo) judge() condition {
	if !r.looked {
		return unlooked
	}
	rel, hash, ok := r.published()
	if !ok {
		return gone
	}
	rec, ok := r.recordOf(rel)
	switch {
	case !ok && !isOurStore(r.store.dir):
		return r.judgeOlder(rel, hash)
	case !ok, !r.intact(rel, rec), r.damaged[rec.id]:
		return damaged
	case rec.Boot != bootID() && !r.checked[rec.id]:
		return doubtful
	default:
		return fit
	}
}

// judgeOlder is judge for a tree that an older git-sync has made, of which
// there is no record: it is whole as far as can be seen.
func (r *Repo) judgeOlder(rel, hash string) condition {
	dir := filepath.Join(r.root, rel)
	if admin, err := readGitlink(dir); err != nil || !adminIntact(admin, hash) {
		return damaged
	}
	return fit
}

// look makes the cheap checks of the published tree, notes its condition, and
// returns it if it is of our layout and passes. As long as nothing looks
// different they cost a few calls of lstat(2).
func (r *Repo) look() (Tree, bool) {
	if r.view.unchanged() {
		return r.view.tree, true
	}
	r.view = view{}
	tree, ok := r.intactTree()
	if ok {
		r.view.remember(r, tree, r.opts.Now())
	}
	r.observe("")
	return tree, ok
}

// glance notes the condition of the published tree where this process cannot
// work on the root, because another one does or because the disk does not let
// it: what the records say has to do.
func (r *Repo) glance() {
	if r.started {
		return
	}
	if r.store.load(); r.store.usable() {
		_ = r.loadRecords() // unreadable: then nothing is known of the tree
	}
	r.looked = true
	r.observe("")
}
