// Package repo owns the root: the directory that git-sync publishes in.
//
//	<root>/
//	  .git/                 the store: objects, refs, one admin directory per tree
//	    git-sync/           ours: the marker, the spare tree, submodule stores
//	    worktrees/<id>/     HEAD, index and record of one tree
//	  .git-sync.trash/      what is about to be removed
//	  rev-<hash>/           one complete checkout
//	  <link>                symlink -> rev-<hash>, replaced by rename(2)
//
// It holds the lock on the root, the order of the steps of a sync, and the background jobs. The steps themselves are
// in its subpackages. These do not import each other, except that recycle imports worktree:
//
//	remote    what the remote has
//	store     the object store: fetch, integrity, garbage, replacement
//	worktree  one checkout of one commit, and its record
//	recycle   making a checkout from the previous one
//	outlet    how consumers see the published tree
//
// # Invariants
//
// The disk is the state. The outlet defines what is published, and the tree's record says which commit that is.
// Everything else that is found after a crash is a leftover, and its name identifies it as one.
//
// Trees and stores are built under temporary names and put in place by rename. So a name without the prefix
// ".git-sync." never holds anything incomplete. What was replaced is removed last, after the replacement has been
// written to the disk.
//
// git-sync deletes only what it has made: it recognizes trees by their name together with a .git file that points
// into its own store.
package repo
