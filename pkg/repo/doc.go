// Package repo owns the root: the directory that git-sync publishes in.
//
//	<root>/
//	  .git/                 the store: objects, refs, one admin directory per tree
//	    git-sync/           ours: the marker, trash, a tree set aside, submodule stores
//	    worktrees/<id>/     HEAD, index and record of one tree
//	  rev-<hash>/           one complete checkout
//	  <link>                symlink -> rev-<hash>, replaced by rename(2)
//
// It hides the layout on disk, both generations of it, and everything that is
// needed to survive on it: what is ours and what is not, how a tree is made,
// put in its place, replaced, repaired and removed, and how the store is
// fetched into, replaced when it is corrupt, and kept small.
//
// # Invariants
//
// The disk is the state. What is published is what the link resolves to; a
// tree is complete when its record, written last, is there; a store is ours
// when its marker, written first, is there. Whatever else is found after a
// crash is a leftover, and is named so that it is known as one.
//
// Trees and stores are built aside under names of their own and put in place
// by rename, so a name without the prefix ".git-sync." never holds half of
// anything. What is replaced is removed last, and only after the replacement
// has been written to the disk.
//
// Only what is proved to be corrupt is replaced: a check that was killed, that
// timed out or could not read means "unknown", and changes nothing.
//
// Nothing is deleted that was not made by git-sync: trees are known by their
// name together with a .git file that points into our store.
package repo
