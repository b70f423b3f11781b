package repo

import (
	"testing"

	"git-sync/pkg/git"
)

// TestCleaningLeavesThePreparedTree is about the time between Prepare and
// Publish, in which the pre-publish hook runs: the background may be at work.
func TestCleaningLeavesThePreparedTree(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"file": "one"}))
	hash := f.up.Commit(map[string]string{"file": "two"})
	tree, err := f.repo.Prepare(t.Context(), git.Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.repo.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.settle()
	if err := f.repo.Publish(t.Context(), tree); err != nil {
		t.Fatal(err)
	}
	f.published(hash)
}
