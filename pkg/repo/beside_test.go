package repo

import (
	"path/filepath"
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
	f.repo.Clean(t.Context())
	f.settle()
	if _, err := f.repo.Publish(t.Context(), tree); err != nil {
		t.Fatal(err)
	}
	f.published(hash)
}

// TestRepairBeside is a repair on a file system that cannot exchange two
// names: the new tree gets a name of its own, and the damaged one goes.
func TestRepairBeside(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"file": "one"})
	old := f.sync(hash)
	remove2(t, filepath.Join(f.repo.store.Admin(old.rec.ID), "index"))
	tree, err := f.repo.Prepare(t.Context(), git.Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.repo.moveBeside(&tree); err != nil { // as Publish does there
		t.Fatal(err)
	}
	tree, err = f.repo.Publish(t.Context(), tree)
	if err != nil || tree.Path != old.Path+".2" {
		t.Fatalf("published %s, %v", tree.Path, err)
	}
	f.repo.Clean(t.Context())
	f.settle()
	f.published(hash)
	f.clean()
}
