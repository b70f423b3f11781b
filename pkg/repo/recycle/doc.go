// Package recycle makes the new tree from one that was replaced, so that an update
// costs what has changed. An update of one file of 100,000 takes a fifth of the time
// of a checkout, and less than a tenth of its CPU (docs/performance.md).
//
// The replaced tree is kept in the store as the spare, out of everyone's sight,
// together with the index that git wrote when the tree was made. As a rule nobody has
// touched it: that is proved (see [Pristine]), and `git read-tree -m -u` writes what
// differs between that index and the new commit, and looks at nothing else.
//
// A tree that was touched is repaired first. `git clean` removes what is in it beside
// the index's files. Then `git read-tree --reset -u` writes what the new commit
// changes and whatever differs from the index: that is how an edit made by a
// consumer is seen, for every way of changing a file changes its ctime, and
// entries of the same second are compared by content. The same comparison as above,
// with the new index, then proves that the tree is as git made it.
//
// A tree is recycled only when the result is provably what a full checkout
// would give; see suitable.go.
package recycle
