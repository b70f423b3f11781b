// Package repo owns the root: the directory that git-sync publishes in.
//
//	<root>/
//	  .git/                 the store: objects, refs, one admin directory per tree
//	    git-sync/           ours: the marker, trash, the spare tree, submodule stores
//	    worktrees/<id>/     HEAD, index and record of one tree
//	  rev-<hash>/           one complete checkout
//	  <link>                symlink -> rev-<hash>, replaced by rename(2)
//
// It holds the lock on the root, the order of steps of a sync, and the background
// jobs. What a step is made of is in its parts, which do not know each other:
//
//	remote    what the remote has
//	store     the object store: fetch, integrity, garbage, replacement
//	worktree  one checkout of one commit, and its record
//	recycle   making a checkout from the previous one
//	outlet    how consumers see the published tree
//
// # Invariants
//
// The disk is the state. What is published is what the outlet says; its commit is
// known from the tree's record. Whatever else is found after a crash is a leftover,
// and is named so that it is known as one.
//
// Trees and stores are built aside under names of their own and put in place
// by rename, so a name without the prefix ".git-sync." never holds half of
// anything. What is replaced is removed last, and only after the replacement
// has been written to the disk.
//
// Nothing is deleted that was not made by git-sync: trees are known by their
// name together with a .git file that points into our store.
package repo
