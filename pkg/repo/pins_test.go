package repo

import (
	"testing"

	"git-sync/pkg/git"
)

func TestFollowTags(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Ref, o.RefSemver = "", ">=1 <2" })
	first := f.up.Commit(map[string]string{"a": "1"})
	if _, err := f.try(); git.KindOf(err) != git.KindRefNotFound {
		t.Fatalf("without tags: %v", err)
	}
	f.up.AnnotatedTag("v1.0.0", first)
	f.sync(first)
	second := f.up.Commit(map[string]string{"a": "2"})
	f.up.Tag("v1.1.0", second)
	third := f.up.Commit(map[string]string{"a": "3"})
	f.up.Tag("v2.0.0", third)
	f.up.Tag("v1.2.0-rc.1", third)
	f.sync(second)
	if tree := f.sync(second); tree.New || tree.Ref != "refs/tags/v1.1.0" {
		t.Errorf("%+v", tree)
	}
	f.up.Tag("v1.1.0", third) // it moves
	f.sync(third)
}

func TestPinned(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Ref, o.RefPattern, o.RefPinned = "", "v*", true })
	first := f.up.Commit(map[string]string{"a": "1"})
	f.up.Tag("v1", first)
	f.sync(first)
	second := f.up.Commit(map[string]string{"a": "2"})
	f.up.Tag("v1", second)
	for range 2 {
		if _, err := f.try(); git.KindOf(err) != git.KindRefused {
			t.Fatalf("a tag that moved: %v", err)
		}
		f.published(first)
		if err := f.restart(); err != nil {
			t.Fatal(err)
		}
	}
	f.up.Tag("v2", second)
	f.sync(second)
}
