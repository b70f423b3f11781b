package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/test/gitserver"
)

// older makes the root that an older git-sync would have left, with hash
// published as link.
type older func(f *fixture, hash, link string)

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := gitserver.Run(dir, gitserver.Env(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func v3(f *fixture, hash, link string) {
	root := f.opts.Root
	gitIn(f.t, "", "clone", "-q", "--no-checkout", "-b", "main", "--depth=1", f.up.FileURL(), root)
	gitIn(f.t, root, "worktree", "add", "-q", "--detach", filepath.Join(root, "rev-"+hash), hash)
	symlink(f.t, "rev-"+hash, filepath.Join(root, link))
}

func v4(f *fixture, hash, link string) {
	root := f.opts.Root
	gitIn(f.t, "", "init", "-q", "-b", "git-sync", root)
	gitIn(f.t, root, "fetch", "-q", "--depth=1", f.up.FileURL(), "main")
	gitIn(f.t, root, "worktree", "add", "-q", "--force", "--detach", filepath.Join(root, ".worktrees", hash), hash)
	symlink(f.t, ".worktrees/"+hash, filepath.Join(root, link))
}

// numbered is a root whose volume was mounted elsewhere when its tree was made,
// and that has lost it: the stale admin directory was in the way of the next
// one, and git has numbered that.
func numbered(make older) older {
	return func(f *fixture, hash, link string) {
		make(f, hash, link)
		at, err := filepath.EvalSymlinks(filepath.Join(f.opts.Root, link))
		if err != nil {
			f.t.Fatal(err)
		}
		if err := os.RemoveAll(at); err != nil {
			f.t.Fatal(err)
		}
		stale := filepath.Join(f.opts.Root, ".git/worktrees", filepath.Base(at))
		write(f.t, filepath.Join(stale, "gitdir"), "/elsewhere/"+filepath.Base(at)+"/.git\n")
		gitIn(f.t, f.opts.Root, "worktree", "add", "-q", "--detach", at, hash)
		if !disk.Exists(stale + "1") {
			f.t.Fatal("git has not numbered the admin directory")
		}
	}
}

// Roots of the older git-syncs are taken over in place.
func TestTakeOver(t *testing.T) {
	for name, make := range map[string]older{"v3": v3, "v4": v4, "v3 numbered": numbered(v3), "v4 numbered": numbered(v4)} {
		for _, layout := range []Layout{LayoutRev, LayoutWorktrees} {
			t.Run(name+" as "+string(layout), func(t *testing.T) {
				f := newFixture(t, func(o *Options) { o.Layout = layout })
				hash := f.up.Commit(map[string]string{"a": "1"})
				make(f, hash, f.opts.Link)
				away := f.up.Dir + ".away"
				if err := os.Rename(f.up.Dir, away); err != nil {
					t.Fatal(err)
				}
				if _, err := f.try(); err == nil || f.repo == nil {
					t.Fatalf("without the remote: %v", err)
				}
				if rev, ok := f.repo.Published(); !ok || rev.Hash != hash {
					t.Errorf("Published() = %+v, %v", rev, ok)
				}
				if _, err := os.Stat(filepath.Join(f.link(), "a")); err != nil {
					t.Error(err)
				}
				if err := os.Rename(away, f.up.Dir); err != nil {
					t.Fatal(err)
				}
				f.sync(hash)
				f.clean()
				f.sync(f.up.Commit(map[string]string{"a": "2"}))
				f.clean()
			})
		}
	}
}

// TestTakeOverWithAnotherLink: the older git-sync's link goes with the tree
// that it leads to, and not before; other links in the root stay.
func TestTakeOverWithAnotherLink(t *testing.T) {
	for name, make := range map[string]older{"v3": v3, "v4": v4} {
		for _, layout := range []Layout{LayoutRev, LayoutWorktrees} {
			t.Run(name+" as "+string(layout), func(t *testing.T) {
				f := newFixture(t, func(o *Options) { o.Layout = layout })
				hash := f.up.Commit(map[string]string{"a": "1"})
				make(f, hash, "former")
				former := filepath.Join(f.opts.Root, "former")
				symlink(t, "rev-1", filepath.Join(f.opts.Root, "others"))
				symlink(t, "/elsewhere/rev-"+hash, filepath.Join(f.opts.Root, "stranger"))
				f.sync(hash)
				if _, err := os.Stat(former); err != nil && disk.Exists(former) {
					t.Errorf("the former link leads nowhere: %v", err)
				}
				f.sync(f.up.Commit(map[string]string{"a": "2"}))
				f.clean("others", "stranger")

				// A link that is made later is somebody's own, wherever it leads.
				target, err := os.Readlink(f.link())
				if err != nil {
					t.Fatal(err)
				}
				symlink(t, target, former)
				f.sync(f.up.Commit(map[string]string{"a": "3"}))
				f.clean("others", "stranger", "former")
			})
		}
	}
}
