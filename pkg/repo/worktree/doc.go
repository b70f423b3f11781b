// Package worktree makes and verifies trees: complete checkouts of one commit, with submodules, files of Git LFS, and
// configured permissions. It hides git's admin directories, and the format of a tree's record.
//
// # Invariants
//
// A tree is complete if its record exists, which is written last into its admin directory. Only the record identifies
// a tree: its commit, its place, and what else determined its content.
//
// A tree is built under a temporary name. A failure leaves nothing behind.
package worktree
