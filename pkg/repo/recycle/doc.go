// Package recycle makes the new tree from one that was replaced, so that the cost of an update depends on how much
// has changed. An update of one file of 100,000 takes a fifth of the time of a checkout, and less than a tenth of its
// CPU (docs/performance.md).
//
// The replaced tree is kept in the store as the spare, where consumers do not see it, together with the index that
// git wrote when the tree was made. [Pristine] proves that nobody has modified the tree, which is the usual case.
// Then `git read-tree -m -u` writes the differences between that index and the new commit, and reads nothing else.
//
// A modified tree is not used: a full checkout takes little longer than to find and remove the modifications.
//
// A tree is recycled only if the result is provably the same as that of a full checkout; see suitable.go.
package recycle
