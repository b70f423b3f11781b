package repo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/worktree"
	"git-sync/test/gitserver"
)

// family is repositories beside each other on one server: one that is
// followed, f.up, and others that are its submodules.
type family struct {
	*fixture
	server *gitserver.Server
}

func newFamily(t *testing.T, change ...func(*Options)) *family {
	t.Helper()
	f := newFixture(t, change...)
	m := &family{fixture: f, server: gitserver.HTTP(t, f.up)}
	f.opts.URL = m.server.RepoURL(f.up)
	return m
}

// member makes another repository.
func (m *family) member(name string) *gitserver.Repo {
	m.t.Helper()
	return gitserver.NewRepoWith(m.t, gitserver.RepoOptions{Root: m.server.Root, Name: name, SHA256: len(m.up.Git("hash-object", "-t", "tree", "/dev/null")) > 60})
}

// mod is a submodule as a tree has it.
type mod struct{ path, url, commit string }

// adopt returns the change that makes these, and no others, the submodules.
func adopt(mods ...mod) gitserver.Change {
	c := gitserver.Change{Files: map[string]string{}, Gitlinks: map[string]string{}}
	var text strings.Builder
	for _, m := range mods {
		fmt.Fprintf(&text, "[submodule %q]\n\tpath = %s\n\turl = %s\n", m.path, m.path, m.url)
		c.Gitlinks[m.path] = m.commit
	}
	c.Files[worktree.ModulesFile] = text.String()
	return c
}

// content checks files of the published tree; an empty content is no file.
func (m *family) content(want map[string]string) {
	m.t.Helper()
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(m.link(), name))
		if content != "" && (err != nil || string(got) != content) || content == "" && err == nil {
			m.t.Errorf("%s: %q, %v; want %q", name, got, err, content)
		}
	}
}

// usable checks that git works in every submodule of the published tree, and
// finds nothing to complain about.
func (m *family) usable(commits map[string]string) {
	m.t.Helper()
	for at, commit := range commits {
		dir := filepath.Join(m.link(), at)
		head, err := gitserver.Run(dir, nil, "rev-parse", "HEAD")
		if err != nil || strings.TrimSpace(head) != commit {
			m.t.Errorf("%s is at %q, %v; want %s", at, head, err, commit)
		}
		if out, err := gitserver.Run(dir, nil, "status", "--porcelain"); err != nil || out != "" {
			m.t.Errorf("git status in %s: %q, %v", at, out, err)
		}
		if top, err := gitserver.Run(dir, nil, "rev-parse", "--show-toplevel"); err != nil || !strings.HasSuffix(strings.TrimSpace(top), "/"+at) {
			m.t.Errorf("the top of %s is %q, %v", at, top, err)
		}
	}
	out, err := gitserver.Run(m.link(), nil, "submodule", "status", "--recursive")
	if err != nil {
		m.t.Error(err)
	}
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, " ") {
			m.t.Errorf("git submodule status: %s", line)
		}
	}
	if got := strings.Count(out, "\n"); got != len(commits) {
		m.t.Errorf("git submodule status lists %d, want %d:\n%s", got, len(commits), out)
	}
}

// refused checks that a sync fails with these words, and last stays.
func (m *family) refused(last string, words ...string) {
	m.t.Helper()
	_, err := m.try()
	if err == nil {
		m.t.Fatal("no error")
	}
	said := err.Error()
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		said += h.Hint()
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			m.t.Errorf("%q is not in the error: %s", w, said)
		}
	}
	if last != "" {
		m.published0(last)
	}
}

// nested is a submodule within a submodule.
func nested(m *family) (leaf, branch string) {
	inner, outer := m.member("inner.git"), m.member("outer.git")
	leaf = inner.Commit(map[string]string{"leaf": "leaf"})
	c := adopt(mod{"deep", "./../inner.git", leaf})
	c.Files["branch"] = "branch"
	return leaf, outer.Apply(c)
}

func TestSubmodulesHowDeep(t *testing.T) {
	for mode, want := range map[Submodules]map[string]string{
		SubmodulesRecursive: {"sub/branch": "branch", "sub/deep/leaf": "leaf"},
		SubmodulesShallow:   {"sub/branch": "branch", "sub/deep/leaf": ""},
		SubmodulesOff:       {"sub/branch": "", "sub/deep/leaf": ""},
	} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			m := newFamily(t)
			leaf, branch := nested(m)
			m.up.Commit(map[string]string{"a": "1"})
			hash := m.up.Apply(adopt(mod{"sub", "../outer.git", branch}))
			m.opts.Submodules = mode
			m.sync(hash)
			m.content(want)
			m.clean()
			if mode == SubmodulesRecursive {
				m.usable(map[string]string{"sub": branch, "sub/deep": leaf})
			}
			// Another mode on the same root, and back.
			for _, other := range []Submodules{SubmodulesOff, SubmodulesRecursive, mode} {
				if err := m.restart(func(o *Options) { o.Submodules = other }); err != nil {
					t.Fatal(err)
				}
				m.sync(hash)
				m.clean()
			}
			m.content(want)
		})
	}
}

func TestSubmodulesFollow(t *testing.T) {
	m := newFamily(t)
	one, two := m.member("one.git"), m.member("two.git")
	first := one.Commit(map[string]string{"v": "first"})
	second := one.Commit(map[string]string{"v": "second"})
	other := two.Commit(map[string]string{"v": "other"})
	url := m.server.RepoURL(one)
	step := func(what string, c gitserver.Change, want, commits map[string]string) {
		t.Helper()
		hash := m.up.Apply(c)
		m.sync(hash)
		m.content(want)
		m.usable(commits)
		m.clean()
		if t.Failed() {
			t.Fatalf("after: %s", what)
		}
		if tree := m.sync(hash); tree.New {
			t.Fatalf("%s: an unchanged remote gives a new tree", what)
		}
	}
	step("one", adopt(mod{"sub", url, first}), map[string]string{"sub/v": "first"}, map[string]string{"sub": first})
	step("moved to another commit", adopt(mod{"sub", url, second}), map[string]string{"sub/v": "second"}, map[string]string{"sub": second})

	m.server.Reset()
	m.up.Commit(map[string]string{"a": "2"})
	m.sync(m.up.Rev("main"))
	for _, r := range m.server.Log() {
		if strings.Contains(r.Path, "one.git") {
			t.Errorf("a submodule that has not changed is asked for: %s", r.Path)
		}
	}

	moved := adopt(mod{"sub-elsewhere/here", url, second})
	moved.Delete = []string{"sub"}
	step("another path", moved, map[string]string{"sub/v": "", "sub-elsewhere/here/v": "second"}, map[string]string{"sub-elsewhere/here": second})
	several := adopt(mod{"sub-elsewhere/here", url, second}, mod{"sub2", url, first}, mod{"sub3", url, first})
	step("several at one URL", several, map[string]string{"sub2/v": "first", "sub3/v": "first"},
		map[string]string{"sub-elsewhere/here": second, "sub2": first, "sub3": first})
	changed := adopt(mod{"sub3", m.server.RepoURL(two), other})
	changed.Delete = []string{"sub-elsewhere", "sub2"}
	step("another URL", changed, map[string]string{"sub3/v": "other", "sub2/v": ""}, map[string]string{"sub3": other})
	if stores, _ := os.ReadDir(m.repo.store.Own("modules")); len(stores) != 1 {
		t.Errorf("%d submodules' stores, want that of two.git alone", len(stores))
	}
	step("none", gitserver.Change{Delete: []string{"sub3", worktree.ModulesFile}}, map[string]string{"sub3/v": ""}, nil)
	if stores, _ := os.ReadDir(m.repo.store.Own("modules")); len(stores) != 0 {
		t.Errorf("%d submodules' stores are left", len(stores))
	}
}

func TestSubmodulesRestartAndMove(t *testing.T) {
	m := newFamily(t)
	leaf, branch := nested(m)
	hash := m.up.Apply(adopt(mod{"sub", "../outer.git", branch}))
	m.sync(hash)
	commits := map[string]string{"sub": branch, "sub/deep": leaf}

	m.stop()
	moved := m.opts.Root + "-moved"
	if err := os.Rename(m.opts.Root, moved); err != nil {
		t.Fatal(err)
	}
	m.opts.Root = moved
	m.usable(commits)
	m.server.Reset()
	if tree := m.sync(hash); tree.New || m.server.Count(gitserver.Fetch) != 0 {
		t.Error("a moved root is fetched or published anew")
	}
	// What somebody has changed in a submodule is found at the next start.
	m.stop()
	write(t, filepath.Join(m.link(), "sub/deep/leaf"), "meddled with")
	if tree := m.sync(hash); !tree.New {
		t.Error("a damaged submodule is not made anew")
	}
	m.content(map[string]string{"sub/deep/leaf": "leaf"})
	m.usable(commits)
	m.clean()
}

func TestSubmodulesSHA256(t *testing.T) {
	m := newFamily(t)
	m.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: m.server.Root, Name: "long.git", SHA256: true})
	m.opts.URL = m.server.RepoURL(m.up)
	leaf, branch := nested(m)
	m.sync(m.up.Apply(adopt(mod{"sub", "../outer.git", branch})))
	m.usable(map[string]string{"sub": branch, "sub/deep": leaf})
}

// TestSubmodulesOnThisMachine: as git has it, a repository does not make us
// read local ones, unless the user says so.
func TestSubmodulesOnThisMachine(t *testing.T) {
	for name, test := range map[string]struct {
		main func(*family) string
		url  func(*gitserver.Repo) string
	}{
		"http":          {func(m *family) string { return m.server.RepoURL(m.up) }, (*gitserver.Repo).FileURL},
		"file":          {func(m *family) string { return m.up.FileURL() }, (*gitserver.Repo).FileURL},
		"file relative": {func(m *family) string { return m.up.FileURL() }, func(r *gitserver.Repo) string { return "../" + r.Name() }},
		"path":          {func(m *family) string { return m.up.Dir }, func(r *gitserver.Repo) string { return r.Dir }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newFamily(t)
			sub := m.member("sub.git")
			commit := sub.Commit(map[string]string{"v": "1"})
			m.opts.URL = test.main(m)
			good := m.up.Commit(map[string]string{"a": "1"})
			m.sync(good)
			hash := m.up.Apply(adopt(mod{"sub", test.url(sub), commit}))
			m.refused(good, "submodule sub", "not allowed", "--git-config=protocol.file.allow:always")
			m.opts.Git = m.newGit([]git.KV{kv("protocol.file.allow", "always")})
			if err := m.restart(); err != nil {
				t.Fatal(err)
			}
			m.sync(hash)
			m.content(map[string]string{"sub/v": "1"})
			m.usable(map[string]string{"sub": commit})
			m.clean()
		})
	}
}

func TestSubmoduleFails(t *testing.T) {
	m := newFamily(t)
	sub := m.member("sub.git")
	commit := sub.Commit(map[string]string{"v": "1"})
	good := m.up.Apply(adopt(mod{"sub", "../sub.git", commit}))
	m.sync(good)
	for what, bad := range map[string]mod{
		"no such repository": {"sub", "../nope.git", commit},
		"no such commit":     {"sub", "../sub.git", strings.Repeat("12", 20)},
		"above the server":   {"sub", "../../../../../sub.git", commit},
	} {
		m.up.Apply(adopt(bad))
		m.refused(good, "submodule sub: ")
		if t.Failed() {
			t.Fatal(what)
		}
		m.usable(map[string]string{"sub": commit})
		m.clean()
	}
	m.sync(m.up.Apply(adopt(mod{"sub", "../sub.git", sub.Commit(map[string]string{"v": "2"})})))
	m.content(map[string]string{"sub/v": "2"})
	m.clean()
}

// TestSubmodulesOfAnOldServer: it hands out what its refs point to, and
// nothing else.
func TestSubmodulesOfAnOldServer(t *testing.T) {
	m := newFamily(t)
	m.opts.Git = m.newGit([]git.KV{kv("protocol.version", "0")})
	sub := m.member("sub.git")
	sub.Git("config", "uploadpack.allowAnySHA1InWant", "false")
	commit := sub.Commit(map[string]string{"v": "1"})
	sub.BranchAt("topic", commit)
	newer := sub.Commit(map[string]string{"v": "2"})
	sub.Unset("refs/heads/topic")
	m.sync(m.up.Apply(adopt(mod{"sub", "../sub.git", commit})))
	m.content(map[string]string{"sub/v": "1"})
	// A branch in the place of a directory of branches, and one of these in the place of a branch.
	sub.BranchAt("topic", newer)
	old := newer
	for i := range 2 {
		newer = sub.Commit(map[string]string{"v": fmt.Sprint("newer ", i)})
		at := newer
		sub.Commit(map[string]string{"v": "newest"})
		m.sync(m.up.Apply(adopt(mod{"sub", "../sub.git", at})))
		m.content(map[string]string{"sub/v": fmt.Sprint("newer ", i)})
		m.usable(map[string]string{"sub": at})
		if i == 0 {
			sub.Unset("refs/heads/topic")
			sub.BranchAt("topic/below", old)
		}
	}
}

// TestSubmoduleStoreCorrupt: what is damaged is fetched anew.
func TestSubmoduleStoreCorrupt(t *testing.T) {
	m := newFamily(t)
	sub := m.member("sub.git")
	first := sub.Commit(map[string]string{"v": noise(4000)})
	second := sub.Commit(map[string]string{"w": "2"})
	m.sync(m.up.Apply(adopt(mod{"sub", "../sub.git", first})))
	packs, _ := filepath.Glob(m.repo.store.Own("modules/*/objects/pack/*.pack"))
	objects, _ := filepath.Glob(m.repo.store.Own("modules/*/objects/??/*"))
	for _, name := range append(packs, objects...) {
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
		truncate(t, name, 20)
	}
	if len(packs)+len(objects) == 0 {
		t.Fatal("nothing to damage")
	}
	m.sync(m.up.Apply(adopt(mod{"sub", "../sub.git", second})))
	m.content(map[string]string{"sub/w": "2"})
	m.usable(map[string]string{"sub": second})
	m.clean()
}

// TestSubmoduleDiskFull is W5 by way of a submodule.
func TestSubmoduleDiskFull(t *testing.T) {
	dir := smallVolume(t, "6m")
	m := newFamily(t, func(o *Options) { o.Root = filepath.Join(dir, "root") })
	sub := m.member("sub.git")
	small := sub.Commit(map[string]string{"v": "small"})
	big := sub.Commit(map[string]string{"big": noise(4 << 20)})
	after := sub.Apply(gitserver.Change{Orphan: true, Files: map[string]string{"v": "after"}})
	good := m.up.Apply(adopt(mod{"sub", "../sub.git", small}))
	m.sync(good)
	m.up.Apply(adopt(mod{"sub", "../sub.git", big}))
	for range 2 {
		_, err := m.try()
		if !noSpace(err) {
			t.Fatalf("not said to be a full disk: %v", err)
		}
		m.published0(good)
		m.usable(map[string]string{"sub": small})
		stores, err := m.repo.store.Modules()
		if err != nil || len(stores) != 1 {
			t.Fatalf("stores of submodules: %v, %v", stores, err)
		}
		held, err := disk.Glob(stores[0].Dir(), "refs/git-sync/commits/*/"+big)
		if bytes := stores[0].Size(); err != nil || bytes > 100<<10 || len(held) > 0 {
			t.Errorf("what did not fit is kept: %d bytes, %v, %v", bytes, held, err)
		}
	}
	m.sync(m.up.Apply(adopt(mod{"sub", "../sub.git", after})))
	m.content(map[string]string{"sub/v": "after"})
}

// TestModuleRefs: commits that no tree has are forgotten, and so is what
// git-lfs has fetched.
func TestModuleRefs(t *testing.T) {
	m := newFamily(t, func(o *Options) { o.GC = GCAlways })
	sub := m.member("sub.git")
	for i := range 4 {
		m.sync(m.up.Apply(adopt(mod{"sub", "../sub.git", sub.Commit(map[string]string{"v": fmt.Sprint(i)})})))
		stores, err := m.repo.store.Modules()
		if err != nil || len(stores) != 1 || i > 0 && disk.Exists(stores[0].Path(disk.LFSName)) {
			t.Fatalf("stores of submodules: %v, %v; or what git-lfs fetched is kept", stores, err)
		}
		if err := os.MkdirAll(stores[0].Path(disk.LFSName+"/objects"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	refs, _ := filepath.Glob(m.repo.store.Own("modules/*/" + "refs/git-sync/commits/*/*"))
	if len(refs) != 1 {
		t.Errorf("%d commits are kept, want one", len(refs))
	}
	m.usable(map[string]string{"sub": sub.Rev("main")})
}

// TestSubmoduleTricks: what .gitmodules may say that means harm, or nothing.
func TestSubmoduleTricks(t *testing.T) {
	m := newFamily(t)
	sub := m.member("sub.git")
	commit := sub.Commit(map[string]string{"v": "1"})
	good := m.up.Commit(map[string]string{"a": "1"})
	m.sync(good)
	harmed := filepath.Join(t.TempDir(), "harmed")
	section := func(name, path, url, more string) string {
		return fmt.Sprintf("[submodule %q]\n\tpath = %s\n\turl = %s\n%s", name, path, url, more)
	}
	for what, test := range map[string]struct {
		modules, word string
		files         map[string]string
	}{
		"none at the path":      {section("x", "nowhere", "../sub.git", ""), "", map[string]string{"nowhere/v": "", "sub/v": ""}},
		"path leads out":        {section("x", "../../sub", "../sub.git", ""), "", map[string]string{"../../sub/v": ""}},
		"absolute path":         {section("x", filepath.Dir(harmed), "../sub.git", ""), "", nil},
		"path is an option":     {section("x", "-x", "../sub.git", ""), "", nil},
		"path is .git":          {section("x", ".git", "../sub.git", ""), "", nil},
		"name leads out":        {section("../../../x", "sub", "../sub.git", ""), "", map[string]string{"sub/v": "1"}},
		"name is an option":     {section("--x", "sub", "../sub.git", ""), "", map[string]string{"sub/v": "1"}},
		"update is a command":   {section("x", "sub", "../sub.git", "\tupdate = !touch "+harmed+"\n"), "", map[string]string{"sub/v": "1"}},
		"update is none":        {section("x", "sub", "../sub.git", "\tupdate = none\n"), "", map[string]string{"sub/v": ""}},
		"no URL":                {"[submodule \"x\"]\n\tpath = sub\n", "", map[string]string{"sub/v": ""}},
		"URL is an option":      {section("x", "sub", "--upload-pack=touch${IFS}"+harmed, ""), "dash", nil},
		"URL is a command":      {section("x", "sub", "ext::sh -c touch% "+harmed, ""), "not allowed", nil},
		"URL with a line break": {section("x", "sub", "\"../sub.git\\nx\"", ""), "control", nil},
		"the last one counts":   {section("x", "sub", "../nope.git", "") + section("y", "sub", "../sub.git", ""), "", map[string]string{"sub/v": "1"}},
		"not configuration":     {"[[[", worktree.ModulesFile, nil},
	} {
		hash := m.up.Apply(gitserver.Change{Orphan: true, Files: map[string]string{"a": what, worktree.ModulesFile: test.modules}, Gitlinks: map[string]string{"sub": commit}})
		if test.word != "" {
			last := m.repo.current().place
			m.refused("", test.word)
			if now := m.repo.current().place; now != last {
				t.Errorf("%s: published", what)
			}
			continue
		}
		if _, err := m.try(); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		m.published0(hash)
		m.content(test.files)
		if t.Failed() {
			t.Fatal(what)
		}
	}
	if disk.Exists(harmed) {
		t.Error("something of it has run")
	}
}

// TestSubmodulesSparse: the patterns decide about submodules as well, and
// .gitmodules need not be among them.
func TestSubmodulesSparse(t *testing.T) {
	patterns := filepath.Join(t.TempDir(), "patterns")
	for _, filter := range []string{"", "blob:none"} {
		m := newFamily(t, func(o *Options) { o.SparseFile, o.Filter = patterns, filter })
		write(t, patterns, "/docs/\n")
		sub := m.member("sub.git")
		commit := sub.Commit(map[string]string{"v": "1"})
		c := adopt(mod{"docs/sub", "../sub.git", commit}, mod{"theme", "../sub.git", commit})
		c.Files["docs/a"] = "a"
		hash := m.up.Apply(c)
		m.sync(hash)
		m.content(map[string]string{"docs/a": "a", "docs/sub/v": "1", "theme/v": "", worktree.ModulesFile: ""})
		write(t, patterns, "/theme\n")
		m.sync(hash)
		m.content(map[string]string{"docs/a": "", "docs/sub/v": "", "theme/v": "1"})
		m.clean()
	}
}

// TestSubmodulesDepth is W12 for submodules: more history and less, with and
// without a new commit, and of two submodules that share a store.
func TestSubmodulesDepth(t *testing.T) {
	m := newFamily(t)
	sub := m.member("sub.git")
	for i := range 3 {
		sub.Commit(map[string]string{"v": fmt.Sprint(i)})
	}
	older := sub.Rev("main")
	newer := sub.Commit(map[string]string{"v": "newest"})
	hash := m.up.Apply(adopt(mod{"sub", "../sub.git", newer}, mod{"subolder", "../sub.git", older}))
	m.sync(hash)
	for _, step := range []struct {
		depth        int
		newer, older string
	}{
		// The history of one reaches into that of the other: what is one's last commit is not the other's.
		{0, "4", "3"}, {2, "3", "2"}, {1, "1", "1"}, {3, "4", "3"}, {0, "4", "3"}, {1, "1", "1"},
	} {
		if err := m.restart(func(o *Options) { o.Depth = step.depth }); err != nil {
			t.Fatal(err)
		}
		m.sync(hash)
		m.usable(map[string]string{"sub": newer, "subolder": older})
		for name, want := range map[string]string{"sub": step.newer, "subolder": step.older} {
			out, err := gitserver.Run(filepath.Join(m.link(), name), gitserver.Env(), "rev-list", "--count", "HEAD")
			if got := strings.TrimSpace(out); err != nil || got != want {
				t.Errorf("--depth=%d gives %s %q commits (%v), want %s", step.depth, name, got, err, want)
			}
		}
		if tree, err := m.try(); err != nil || tree.New {
			t.Errorf("--depth=%d: the next sync makes the tree once more: %v", step.depth, err)
		}
	}
	m.clean()
}
