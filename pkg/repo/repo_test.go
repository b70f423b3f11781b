package repo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/remote"
	"git-sync/test/gitserver"
)

func TestSyncUpdateNoop(t *testing.T) {
	f := newFixture(t)
	first := f.up.Commit(map[string]string{"a": "1", "dir/b": "2"})
	if tree := f.sync(first); !tree.New {
		t.Error("the first sync is not new")
	}
	if target, _ := os.Readlink(f.link()); target != "rev-"+first {
		t.Errorf("link -> %s, want rev-%s", target, first)
	}
	if tree := f.sync(first); tree.New {
		t.Error("an unchanged remote gives a new tree")
	}
	second := f.up.Apply(gitserver.Change{Delete: []string{"dir"}, Files: map[string]string{"dir": "now a file"}, Execs: map[string]string{"run": "x"}, Symlinks: map[string]string{"s": "a"}})
	f.sync(second)
	f.clean()
	if rev, ok := f.repo.Published(); !ok || rev.Hash != second || rev.Ref != "refs/heads/main" || rev.Since.IsZero() {
		t.Errorf("Published() = %+v, %v", rev, ok)
	}
}

func TestLayoutWorktrees(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Layout = LayoutWorktrees })
	first := f.up.Commit(map[string]string{"a": "1"})
	f.sync(first)
	if target, _ := os.Readlink(f.link()); target != ".worktrees/"+first {
		t.Errorf("link -> %s, want .worktrees/%s", target, first)
	}
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.clean()
}

func TestRefs(t *testing.T) {
	up := func(f *fixture) (older, newer string) {
		older = f.up.Commit(map[string]string{"a": "old"})
		f.up.Tag("light", older)
		f.up.AnnotatedTag("annotated", older)
		f.up.Set("refs/pull/1/head", older)
		return older, f.up.Commit(map[string]string{"a": "new"})
	}
	for name, test := range map[string]struct {
		ref   func(f *fixture, older string) string
		newer bool
	}{
		"default":       {func(*fixture, string) string { return "" }, true},
		"HEAD":          {func(*fixture, string) string { return "HEAD" }, true},
		"branch":        {func(*fixture, string) string { return "main" }, true},
		"full branch":   {func(*fixture, string) string { return "refs/heads/main" }, true},
		"tag":           {func(*fixture, string) string { return "light" }, false},
		"annotated":     {func(*fixture, string) string { return "annotated" }, false},
		"full tag":      {func(*fixture, string) string { return "refs/tags/annotated" }, false},
		"other":         {func(*fixture, string) string { return "refs/pull/1/head" }, false},
		"hash":          {func(_ *fixture, older string) string { return older }, false},
		"hash of a tag": {func(f *fixture, _ string) string { return f.up.Rev("refs/tags/annotated") }, false},
	} {
		for _, depth := range []int{0, 1} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				older, newer := up(f)
				f.opts.Ref, f.opts.Depth = test.ref(f, older), depth
				want := older
				if test.newer {
					want = newer
				}
				f.sync(want)
				if tree := f.sync(want); tree.New {
					t.Error("the second sync is not a no-op")
				}
				if err := f.restart(); err != nil {
					t.Fatal(err)
				}
				if tree := f.sync(want); tree.New || f.repo.Stats().Fetches != 0 {
					t.Error("a restart fetches or publishes")
				}
			})
		}
	}
}

func TestSHA256(t *testing.T) {
	f := newFixture(t)
	f.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{SHA256: true})
	f.opts.URL = f.up.FileURL()
	hash := f.up.Commit(map[string]string{"a": "1"})
	if len(hash) != 64 {
		t.Fatalf("hash %s", hash)
	}
	f.sync(hash)
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.clean()
}

func TestRemoteErrors(t *testing.T) {
	f := newFixture(t)
	_, err := f.try()
	if git.KindOf(err) != git.KindEmptyRemote {
		t.Errorf("empty remote: %v", err)
	}
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	ask := func(ref string) {
		t.Helper()
		if err := f.restart(func(o *Options) { o.Ref = ref }); err != nil {
			t.Fatal(err)
		}
	}
	ask("nope")
	_, err = f.try()
	if git.KindOf(err) != git.KindRefNotFound || !strings.Contains(err.Error(), "nope") {
		t.Errorf("missing ref: %v", err)
	}
	ask(strings.Repeat("12", 20))
	if _, err = f.try(); err == nil {
		t.Errorf("missing hash: no error")
	}
	f.published(hash)
}

// TestDefaultBranchChanges: without a ref the remote's default branch is followed, also to another.
func TestDefaultBranchChanges(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Ref = "" })
	f.sync(f.up.Commit(map[string]string{"a": "main"}))
	other := f.up.Apply(gitserver.Change{Branch: "other", Files: map[string]string{"b": "other"}})
	f.up.SetHEAD("other")
	f.sync(other)
}

// TestRefFollowed is D8, and the moving back of W12.
func TestRefFollowed(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Ref = "topic" })
	first := f.up.Apply(gitserver.Change{Branch: "topic", Files: map[string]string{"a": "1"}})
	f.sync(first)
	second := f.up.Apply(gitserver.Change{Branch: "topic", Files: map[string]string{"a": "2"}})
	f.sync(second)

	f.up.Set("refs/heads/topic", first) // to an older commit
	f.sync(first)

	forced := f.up.Apply(gitserver.Change{Branch: "topic", Orphan: true, Files: map[string]string{"z": "forced"}})
	f.sync(forced)

	f.up.Unset("refs/heads/topic") // deleted: an error, data kept
	if _, err := f.try(); git.KindOf(err) != git.KindEmptyRemote && git.KindOf(err) != git.KindRefNotFound {
		t.Errorf("deleted ref: %v", err)
	}
	f.published(forced)

	f.up.Tag("topic", second) // a tag of the same name
	f.sync(second)

	if err := os.RemoveAll(f.up.Dir); err != nil { // the repository is gone
		t.Fatal(err)
	}
	if _, err := f.try(); err == nil {
		t.Error("no error without a repository")
	}
	f.published0(second)

	f.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: filepath.Dir(f.up.Dir)}) // and made anew
	f.sync(f.up.Apply(gitserver.Change{Branch: "topic", Files: map[string]string{"new": "life"}}))
	f.clean()
}

// TestRevWithinBranch: a tag or a short hash beside a branch, as v3 pins.
func TestRevWithinBranch(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Depth = 2 })
	first := f.up.Commit(map[string]string{"a": "1"})
	f.up.AnnotatedTag("v1", first)
	second := f.up.Commit(map[string]string{"a": "2"})
	third := f.up.Commit(map[string]string{"a": "3"})
	other := f.up.Apply(gitserver.Change{Branch: "other", Files: map[string]string{"b": "other"}})
	pin := func(rev string) {
		if err := f.restart(func(o *Options) { o.Rev = rev }); err != nil {
			t.Fatal(err)
		}
	}
	missing := func(rev string) {
		t.Helper()
		pin(rev)
		if _, err := f.try(); git.KindOf(err) != git.KindRefNotFound {
			t.Errorf("%s: %v", rev, err)
		}
	}
	pin(second[:7])
	f.sync(second)
	f.up.Commit(map[string]string{"a": "4"}) // the branch moves on, beyond the depth
	f.up.Commit(map[string]string{"a": "5"})
	before := f.repo.Stats().Fetches
	f.sync(second)
	if f.repo.Stats().Fetches != before {
		t.Error("what is pinned was fetched again")
	}
	pin("v1")
	f.sync(first)
	f.up.Tag("v1", third) // a tag may move
	f.sync(third)
	missing("v2")
	missing(other[:7]) // of another branch
	missing(first[:8]) // beyond the depth
	missing("abc")
	f.published(third)
}

// published0 checks the link alone.
func (f *fixture) published0(hash string) {
	f.t.Helper()
	if target, _ := os.Readlink(f.link()); target != f.opts.Layout.Place(hash) {
		f.t.Errorf("link -> %s, want %s", target, hash)
	}
	if _, err := os.Stat(f.link()); err != nil {
		f.t.Error(err)
	}
}

// TestOptionsChange is W12.
func TestOptionsChange(t *testing.T) {
	f := newFixture(t)
	for i := range 4 {
		f.up.Commit(map[string]string{"a": strings.Repeat("x", i), "dir/b": "b"})
	}
	hash := f.up.Rev("main")
	other := gitserver.NewRepo(t)
	otherHash := other.Commit(map[string]string{"other": "repo"})
	count := func() string {
		out, err := gitserver.Run(f.link(), gitserver.Env(), "rev-list", "--count", "HEAD")
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	next := func(change func(*Options)) {
		t.Helper()
		if err := f.restart(change); err != nil {
			t.Fatal(err)
		}
	}
	f.sync(hash)
	for _, step := range []struct {
		depth   int
		commits string
	}{{1, "1"}, {3, "3"}, {0, "4"}, {2, "2"}, {1, "1"}, {0, "4"}} {
		next(func(o *Options) { o.Depth = step.depth })
		f.sync(hash)
		if got := count(); got != step.commits {
			t.Errorf("--depth=%d gives %s commits, want %s", step.depth, got, step.commits)
		}
		if tree, err := f.try(); err != nil || tree.New {
			t.Errorf("--depth=%d: the next sync finds something new: %v", step.depth, err)
		}
	}
	next(func(o *Options) { o.Layout = LayoutWorktrees })
	f.sync(hash)
	f.clean()
	next(func(o *Options) { o.Layout = LayoutRev; o.Filter = "blob:none" })
	f.sync(hash)
	next(func(o *Options) { o.Filter = "" })
	f.sync(hash)
	next(func(o *Options) { o.Link = "elsewhere" })
	f.sync(hash)
	next(func(o *Options) { o.Link = "link" })
	f.sync(hash)

	patterns := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(patterns, []byte("/dir/\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	next(func(o *Options) { o.SparseFile = patterns })
	f.sync(hash)
	if disk.Exists(filepath.Join(f.link(), "a")) || !disk.Exists(filepath.Join(f.link(), "dir/b")) {
		t.Error("the sparse patterns are not obeyed")
	}
	if err := os.WriteFile(patterns, []byte("/a\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	f.sync(hash)
	if !disk.Exists(filepath.Join(f.link(), "a")) || disk.Exists(filepath.Join(f.link(), "dir/b")) {
		t.Error("changed sparse patterns are not obeyed")
	}
	next(func(o *Options) { o.SparseFile = "" })
	f.sync(hash)

	up := f.up
	f.up = other
	next(func(o *Options) { o.URL = other.FileURL() })
	f.sync(otherHash)
	f.up = up
	next(func(o *Options) { o.URL = up.FileURL() })
	f.sync(hash)

	f.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{SHA256: true}) // another object format
	long := f.up.Commit(map[string]string{"a": "sha256"})
	next(func(o *Options) { o.URL = f.up.FileURL() })
	f.sync(long)
	f.clean()
}

func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(f *fixture)
		options func(o *Options)
	}{
		"own clone (D4)": {prepare: func(f *fixture) {
			if _, err := gitserver.Run("", gitserver.Env(), "clone", "-q", f.up.FileURL(), f.opts.Root); err != nil {
				t.Fatal(err)
			}
		}},
		"own clone without checkout": {prepare: func(f *fixture) {
			if _, err := gitserver.Run("", gitserver.Env(), "clone", "-q", "--no-checkout", f.up.FileURL(), f.opts.Root); err != nil {
				t.Fatal(err)
			}
		}},
		"bare repository": {prepare: func(f *fixture) {
			if _, err := gitserver.Run("", gitserver.Env(), "clone", "-q", "--bare", f.up.FileURL(), f.opts.Root); err != nil {
				t.Fatal(err)
			}
		}},
		"link is a directory (W9)": {prepare: func(f *fixture) {
			if err := os.MkdirAll(filepath.Join(f.opts.Root, "link/precious"), 0o755); err != nil {
				t.Fatal(err)
			}
		}},
		"link is a file (W9)": {prepare: func(f *fixture) {
			if err := errors.Join(os.MkdirAll(f.opts.Root, 0o755), os.WriteFile(filepath.Join(f.opts.Root, "link"), nil, 0o644)); err != nil {
				t.Fatal(err)
			}
		}},
		"link that git-sync did not make": {prepare: func(f *fixture) {
			if err := errors.Join(os.MkdirAll(f.opts.Root, 0o755), os.Symlink("/etc", filepath.Join(f.opts.Root, "link"))); err != nil {
				t.Fatal(err)
			}
		}},
		"link in the store": {options: func(o *Options) { o.Link = ".git/x" }},
		"link is the root":  {options: func(o *Options) { o.Link = "." }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.up.Commit(map[string]string{"a": "1"})
			if test.prepare != nil {
				test.prepare(f)
			}
			if test.options != nil {
				test.options(&f.opts)
			}
			before := map[string]string{}
			there := disk.Exists(f.opts.Root)
			if there {
				before = listing(t, f.opts.Root)
			}
			_, err := f.try()
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Hint() == "" || !strings.Contains(err.Error(), f.opts.Root) {
				t.Fatalf("not refused: %v", err)
			}
			if disk.Exists(f.opts.Root) != there {
				t.Fatal("the root was made")
			}
			if !there {
				return
			}
			after := listing(t, f.opts.Root)
			delete(after, ".")
			delete(before, ".")
			for _, name := range keys(before, after) {
				if before[name] != after[name] {
					t.Errorf("%s has changed", name)
				}
			}
		})
	}
}

// TestRefusalLeavesNothing has directories made on the way to a root, and to a link that is refused.
func TestRefusalLeavesNothing(t *testing.T) {
	for _, root := range []string{"root", "new/deep/root", "new/../root/", "sym/../a/root"} {
		base := t.TempDir()
		if err := errors.Join(os.MkdirAll(filepath.Join(base, "other/x"), 0o755), os.Symlink("other/x", filepath.Join(base, "sym"))); err != nil {
			t.Fatal(err)
		}
		before := listing(t, base)
		_, err := Open(Options{Log: logr.Discard(), Root: base + "/" + root, Link: "../links/here/../../" + filepath.Base(root), Source: Source{Wanted: remote.Wanted{URL: "file:///nowhere"}}})
		if _, ok := errors.AsType[*RefusedError](err); !ok {
			t.Errorf("%s: not refused: %v", root, err)
		}
		after := listing(t, base)
		delete(before, ".")
		delete(after, ".")
		for _, name := range keys(before, after) {
			if before[name] != after[name] {
				t.Errorf("%s: %s has changed", root, name)
			}
		}
	}
}
