package repo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"git-sync/pkg/git"
)

// The tests here are of defects that test/crash has found.

func TestModuleURL(t *testing.T) {
	for _, c := range []struct{ parent, sub, want string }{
		{"file:///srv/git/a.git", "../b.git", "file:///srv/git/b.git"},
		{"https://example.com/x/a.git", "../b.git", "https://example.com/x/b.git"},
		{"https://example.com/x/a.git?k=v", "../../b.git", "https://example.com/b.git"},
		{"ssh://git@example.com:22/x/a.git/", "../b.git", "ssh://git@example.com:22/x/b.git"},
		{"git@example.com:x/a.git", "../b.git", "git@example.com:x/b.git"},
		{"git@example.com:a.git", "../b.git", "git@example.com:b.git"},
		{"/srv/git/a.git", "../b.git", "/srv/git/b.git"},
		{"https://example.com/a.git", "./b.git", "https://example.com/a.git/b.git"},
		{"https://example.com/a.git", "https://other.example/b.git", "https://other.example/b.git"},
	} {
		if got, err := moduleURL(c.parent, c.sub); err != nil || got != c.want {
			t.Errorf("%s in %s: %q, %v, want %q", c.sub, c.parent, got, err, c.want)
		}
	}
	if got, err := moduleURL("https://example.com/a.git", "../../b.git"); err == nil {
		t.Errorf("above the host: %q", got)
	}
}

// A one-time sync waits until it has cleaned up, but not for the grace of the
// tree that it has replaced.
func TestSettleDoesNotWaitForTheGrace(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.StaleTimeout = time.Hour })
	first := f.sync(f.up.Commit(map[string]string{"a": "1"}))
	f.up.Commit(map[string]string{"a": "2"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tree, err := f.repo.Prepare(ctx, git.Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.repo.Publish(ctx, tree); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.repo.Clean(ctx); err != nil {
			t.Fatal(err)
		}
		if err := f.repo.Settle(ctx); err != nil {
			t.Errorf("waiting for the clean-up: %v", err)
		}
	}
	if _, err := os.Stat(first.Path); err != nil {
		t.Errorf("the tree in its grace: %v", err)
	}
}

// A copy of a root remembers the link of the original, which is outside of it
// and none of the copy's business.
func TestCopiedRoot(t *testing.T) {
	dir := t.TempDir()
	f := newFixture(t, func(o *Options) { o.Root, o.Link = filepath.Join(dir, "one"), filepath.Join(dir, "pub", "one") })
	first := f.up.Commit(map[string]string{"a": "1"})
	f.sync(first)
	f.stop()
	if out, err := exec.Command("cp", "-a", filepath.Join(dir, "one"), filepath.Join(dir, "two")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	two := newFixture(t, func(o *Options) {
		*o = f.opts
		o.Root, o.Link = filepath.Join(dir, "two"), filepath.Join(dir, "pub", "two")
	})
	two.up = f.up
	two.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.published(first)
}
