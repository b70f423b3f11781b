// Package worktree makes and checks trees: complete checkouts of one commit, with
// submodules, files of Git LFS, and the permissions asked for. It hides git's admin
// directories, and what a tree's record says.
//
// # Invariants
//
// A tree is complete when its record, written last into its admin directory, is there.
// The record is the one identity of a tree: which commit it is, where it is, and
// what besides the commit decided its content.
//
// A tree is built under a temporary name; on failure nothing of it is left.
package worktree
