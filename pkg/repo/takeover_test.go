package repo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/outlet"
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

// v36 is a root of v3.3 to v3.6.
func v36(f *fixture, hash, link string) {
	root := f.opts.Root
	gitIn(f.t, "", "clone", "-q", "--no-checkout", "-b", "main", "--depth=1", f.up.FileURL(), root)
	gitIn(f.t, root, "worktree", "add", "-q", "--detach", filepath.Join(root, hash), hash)
	write(f.t, filepath.Join(root, hash, ".git"), "gitdir: ../.git/worktrees/"+hash+"\n")
	symlink(f.t, hash, filepath.Join(root, link))
}

func v4(f *fixture, hash, link string) {
	root := f.opts.Root
	gitIn(f.t, "", "init", "-q", "-b", "git-sync", root)
	gitIn(f.t, root, "fetch", "-q", "--depth=1", f.up.FileURL(), "main")
	gitIn(f.t, root, "worktree", "add", "-q", "--force", "--detach", filepath.Join(root, ".worktrees", hash), hash)
	symlink(f.t, ".worktrees/"+hash, filepath.Join(root, link))
}

// TestGoBack is "Roll back" of docs/migrating.md: what v3 and v4 ask git about a root before they use it, and do with it.
func TestGoBack(t *testing.T) {
	f := ready(t)
	f.stop()
	root := f.opts.Root
	if out, err := gitserver.Run(root, gitserver.Env(), "rev-parse", "--show-toplevel"); err == nil {
		t.Errorf("it would work without: %s", out)
	}
	gitIn(t, "", "--git-dir="+filepath.Join(root, ".git"), "config", "core.bare", "false")
	if got := gitIn(t, root, "rev-parse", "--show-toplevel"); got != root {
		t.Errorf("the root is %q, want %q", got, root)
	}
	gitIn(t, root, "fsck", "--connectivity-only")
	hash := f.up.Commit(map[string]string{"a": "of the older git-sync"})
	gitIn(t, root, "fetch", "-q", "--depth=1", f.up.FileURL(), "main")
	gitIn(t, root, "worktree", "add", "-q", "--force", "--detach", filepath.Join(root, ".worktrees", hash), hash)
	f.sync(f.up.Commit(map[string]string{"a": "of this one again"}))
	f.clean()
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
	for name, make := range map[string]older{"v3": v3, "v3.6": v36, "v4": v4, "v3 numbered": numbered(v3), "v4 numbered": numbered(v4)} {
		for _, layout := range []Layout{LayoutRev, LayoutHash, LayoutWorktrees} {
			t.Run(name+" as "+string(layout), func(t *testing.T) {
				f := newFixture(t, func(o *Options) { o.Layout, o.LayoutAsked = layout, true })
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
				if n := strings.Count(strings.Join(f.logs, "\n"), "took over the root of an older git-sync"); n != 1 {
					t.Errorf("logged %d times: %v", n, f.logs)
				}
			})
		}
	}
}

// readable watches what outlet and store do to the root: until ours is published, the former link leads to the tree.
func (f *fixture) readable(former string) (end func()) {
	if err := f.restart(); err != nil {
		f.t.Fatal(err)
	}
	f.repo.outlet = watched{f.repo.outlet, func() {
		if _, err := os.Stat(filepath.Join(former, "a")); err != nil {
			f.t.Errorf("the former link leads nowhere before there is another: %v", err)
		}
	}}
	return func() { f.repo.outlet = f.repo.outlet.(watched).Outlet }
}

// watched checks before it publishes.
type watched struct {
	outlet.Outlet
	check func()
}

func (w watched) Publish(ctx context.Context, t outlet.Tree) error {
	w.check()
	return w.Outlet.Publish(ctx, t)
}

// TestTakeOverWithAnotherLink: the older git-sync's link goes with the tree
// that it leads to, and not before; other links in the root stay.
func TestTakeOverWithAnotherLink(t *testing.T) {
	for name, make := range map[string]older{"v3": v3, "v3.6": v36, "v4": v4} {
		for _, layout := range []Layout{LayoutRev, LayoutHash, LayoutWorktrees} {
			t.Run(name+" as "+string(layout), func(t *testing.T) {
				f := newFixture(t, func(o *Options) { o.Layout, o.LayoutAsked = layout, true })
				hash := f.up.Commit(map[string]string{"a": "1"})
				make(f, hash, "former")
				former := filepath.Join(f.opts.Root, "former")
				symlink(t, "rev-1", filepath.Join(f.opts.Root, "others"))
				symlink(t, "/elsewhere/rev-"+hash, filepath.Join(f.opts.Root, "stranger"))
				published := f.readable(former)
				f.sync(hash)
				published()
				f.clean("others", "stranger")
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

// TestKeepLayout: consumers of a root of v3.3 to v3.6 may take the link's target for the commit. So it stays that, unless
// another layout is asked for; other roots get the default.
func TestKeepLayout(t *testing.T) {
	for name, c := range map[string]struct {
		make  older
		link  string
		asked bool
		want  string // what the target begins with
	}{
		"v3.6":                      {make: v36, link: "link", want: ""},
		"v3.6, another link":        {make: v36, link: "former", want: ""},
		"v3.6, tree gone":           {make: gone(v36), link: "link", want: ""},
		"v3.6, other layout wanted": {make: v36, link: "link", asked: true, want: "rev-"},
		"v3":                        {make: v3, link: "link", want: "rev-"},
		"v4":                        {make: v4, link: "link", want: "rev-"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(o *Options) { o.Link, o.Layout, o.LayoutAsked = "link", LayoutRev, c.asked })
			hash := f.up.Commit(map[string]string{"a": "1"})
			c.make(f, hash, c.link)
			check := func(hash string) {
				t.Helper()
				f.sync(hash)
				if target, err := os.Readlink(f.link()); err != nil || target != c.want+hash {
					t.Errorf("the link leads to %q, %v; want %s", target, err, c.want+hash)
				}
			}
			check(hash)
			check(f.up.Commit(map[string]string{"a": "2"}))
			if err := f.restart(); err != nil {
				t.Fatal(err)
			}
			check(f.up.Commit(map[string]string{"a": "3"}))
			f.clean()
		})
	}
}

// gone is a root of which the published tree was removed.
func gone(make older) older {
	return func(f *fixture, hash, link string) {
		make(f, hash, link)
		if err := os.RemoveAll(filepath.Join(f.opts.Root, hash)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// TestBareHashes: a hash is no name of ours alone. What is called so is ours where it is a worktree of the root's store, or
// where a record says that we made it; a link is where it leads into the root.
func TestBareHashes(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Layout, o.LayoutAsked = LayoutHash, true })
	var others []string
	for i, put := range []func(dir string){
		func(dir string) { write(t, dir+"/x", "precious") },
		func(dir string) { write(t, dir+"/.git", "gitdir: /elsewhere/.git/worktrees/"+filepath.Base(dir)+"\n") },
		func(dir string) { write(t, dir+"/.git", "") },
		func(dir string) { gitIn(t, "", "init", "-q", dir) },
		func(dir string) {
			other := filepath.Join(t.TempDir(), "other")
			gitIn(t, "", "clone", "-q", f.up.FileURL(), other)
			gitIn(t, other, "worktree", "add", "-q", "--detach", dir)
		},
	} {
		if i == 0 {
			f.up.Commit(map[string]string{"a": "1"})
		}
		name := strings.Repeat(string(rune('1'+i)), 40)
		put(filepath.Join(f.opts.Root, name))
		others = append(others, name)
	}
	for _, content := range []string{"2", "3"} {
		f.sync(f.up.Commit(map[string]string{"a": content}))
		f.clean(others...)
	}
	// One of ours that lost its .git file, or its content, is made again, and goes.
	for i, damage := range []func(string) error{os.Remove, func(name string) error { return os.Truncate(name, 0) }} {
		if err := damage(filepath.Join(f.link(), ".git")); err != nil {
			t.Fatal(err)
		}
		if err := f.restart(); err != nil {
			t.Fatal(err)
		}
		f.sync(f.up.Commit(map[string]string{"b": string(rune('1' + i))}))
		f.clean(others...)
	}
	f.stop()
	if err := os.Remove(f.link()); err != nil {
		t.Fatal(err)
	}
	symlink(t, "/elsewhere/"+others[0], f.link())
	var refused *RefusedError
	if err := f.restart(); !errors.As(err, &refused) {
		t.Errorf("a link to elsewhere: %v", err)
	}
}
