package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/worktree"
	"git-sync/test/gitserver"
	"git-sync/test/sshserver"
)

// lfsPush pushes a file of content through git-lfs and returns the commit.
func lfsPush(t *testing.T, f *fixture, content string) string {
	t.Helper()
	return lfsPushAll(t, f, map[string]string{"big.bin": content, ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
}

func lfsPushAll(t *testing.T, f *fixture, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	env := append(gitserver.Env(), "HOME="+t.TempDir())
	git := func(args ...string) string {
		t.Helper()
		out, err := gitserver.Run(dir, env, args...)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(out)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	git("clone", "-q", f.up.FileURL(), ".")
	git("lfs", "install", "--local", "--skip-repo")
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	git("add", "-A")
	git("commit", "-q", "-m", "lfs")
	git("lfs", "push", "origin", "HEAD") // what its hook would do
	git("push", "-q", "origin", "HEAD:main")
	return git("rev-parse", "HEAD")
}

func TestLFS(t *testing.T) {
	sshserver.Require(t, "git-lfs", "git-lfs")
	content := func(f *fixture) string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(f.link(), "big.bin"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	f := newFixture(t)
	f.up.BigTree(many) // enough for recycling
	for _, want := range []string{"first version", "second version", "third version"} {
		hash := lfsPush(t, f, want)
		if f.repo != nil {
			f.later()
		}
		if _, err := f.try(); err != nil {
			t.Fatal(err)
		}
		f.published0(hash)
		if got := content(f); got != want {
			t.Errorf("published %q, want %q", got, want)
		}
		if err := f.repo.jobs.verify.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.repo.Clean(t.Context())
		f.settle()
		if disk.Exists(f.repo.store.Path(disk.LFSName)) {
			t.Error("what git-lfs fetched is kept")
		}
		// The check at start-up takes the file for what it is.
		if err := f.restart(); err != nil {
			t.Fatal(err)
		}
		if tree, err := f.try(); err != nil || tree.New {
			t.Errorf("after a restart: %+v, %v", tree, err)
		}
	}

	// Without git-lfs the pointers are published, and one warning says so.
	bare := newFixture(t)
	bare.up = f.up
	bare.opts.URL = f.up.FileURL()
	bare.opts.Git = gitWithoutLFS(t)
	for range 2 {
		if _, err := bare.try(); err != nil {
			t.Fatal(err)
		}
	}
	if got := content(bare); !strings.HasPrefix(got, "version https://git-lfs") {
		t.Errorf("published %q, want a pointer", got)
	}
	if n := strings.Count(strings.Join(bare.logs, "\n"), "git-lfs not installed"); n != 1 {
		t.Errorf("%d warnings, want one", n)
	}
}

// git-lfs comes and goes between runs on one root: what is published is what it
// would be in a new root, whether the ref has moved or not.
func TestLFSComesAndGoes(t *testing.T) {
	sshserver.Require(t, "git-lfs", "git-lfs")
	f := newFixture(t)
	with, without := f.opts.Git, gitWithoutLFS(t)
	f.up.BigTree(many)
	push := func(n string) string {
		// The attributes are not at the top, and one of two files stays.
		return lfsPushAll(t, f, map[string]string{"deep/.gitattributes": "*.bin filter=lfs -text\n", "deep/stays.bin": "stays", "deep/new.bin": n})
	}
	// runs with a git, as is is published.
	runs := func(g *git.Git, hash string, pointers bool) {
		t.Helper()
		f.later()
		if _, err := f.try(); err != nil {
			t.Fatal(err)
		}
		f.published0(hash)
		for _, name := range []string{"deep/stays.bin", "deep/new.bin"} {
			data, err := os.ReadFile(filepath.Join(f.link(), name))
			if got := strings.HasPrefix(string(data), "version https://git-lfs"); err != nil || got != pointers {
				t.Errorf("%s is a pointer: %v, want %v (%v)", name, got, pointers, err)
			}
		}
	}
	for _, step := range []struct {
		name     string
		git      *git.Git
		restart  bool
		push     string
		pointers bool
	}{
		{name: "without", git: without, restart: true, push: "1", pointers: true},
		{name: "pushed", git: without, push: "2", pointers: true},
		{name: "installed", git: with, restart: true},
		{name: "pushed to files", git: with, push: "3"},
		{name: "removed, and pushed", git: without, restart: true, push: "4", pointers: true},
		{name: "installed, and pushed", git: with, restart: true, push: "5"},
		{name: "removed", git: without, restart: true, pointers: true},
	} {
		hash := f.up.Rev("main")
		if step.push != "" {
			hash = push(step.push)
		}
		if step.restart {
			if err := f.restart(func(o *Options) { o.Git = step.git }); err != nil {
				t.Fatal(err)
			}
		}
		t.Log(step.name)
		runs(step.git, hash, step.pointers)
	}
	if n := strings.Count(strings.Join(f.logs, "\n"), "differs from its commit"); n != 0 {
		t.Errorf("%d trees were taken for damaged", n)
	}
}

// A tree without files in Git LFS is the same with and without git-lfs.
func TestLFSUnused(t *testing.T) {
	sshserver.Require(t, "git-lfs", "git-lfs")
	f := ready(t)
	hash := f.up.Rev("main")
	if err := f.restart(func(o *Options) { o.Git = gitWithoutLFS(t) }); err != nil {
		t.Fatal(err)
	}
	if tree := f.sync(hash); tree.New {
		t.Error("the tree was made anew")
	}
	f.recycled(f.up.Commit(map[string]string{"a": "3"}))
}

// A tree with files in Git LFS is recycled where they are known to be what they
// would be now.
func TestLFSRecycled(t *testing.T) {
	sshserver.Require(t, "git-lfs", "git-lfs")
	f := newFixture(t)
	f.up.BigTree(many)
	lfsPush(t, f, "1")
	push := func(files map[string]string) {
		t.Helper()
		f.logs = nil
		hash := lfsPushAll(t, f, files)
		if f.repo != nil {
			f.later()
		}
		if _, err := f.try(); err != nil {
			t.Fatal(err)
		}
		f.published0(hash)
	}
	next := func(files map[string]string, because string) {
		t.Helper()
		push(files)
		// What was written in the same tick of the clock as the index proves nothing: the next revision may.
		// On some machines that is nine of ten.
		for again := 0; again < 100 && strings.Contains(strings.Join(f.logs, "\n"), "it is not as it was made: big.bin"); again++ {
			push(map[string]string{"big.bin": files["big.bin"] + strings.Repeat("+", again+1)})
		}
		if logs := strings.Join(f.logs, "\n"); !strings.Contains(logs, because) || because == "" && strings.Contains(logs, "checking out in full") {
			t.Errorf("want reason %q in %q", because, logs)
		}
		data, err := os.ReadFile(filepath.Join(f.link(), "big.bin"))
		if err != nil || strings.HasPrefix(string(data), "version https://git-lfs") {
			t.Errorf("published is %q, %v", data, err)
		}
	}
	next(map[string]string{"big.bin": "2"}, "")
	next(map[string]string{"big.bin": "3"}, "")
	// A consumer's settings must not be obeyed.
	refused := false
	for again := 0; again < 100 && !refused; again++ { // see above: what comes before it in the tree may be refused first
		write(t, filepath.Join(f.link(), worktree.LFSConfig), "[lfs]\n\tfetchexclude = *\n")
		for _, content := range []string{"4", "5"} { // the second one is made from the tree with the settings
			push(map[string]string{"big.bin": content + strings.Repeat("+", again)})
			if disk.Exists(filepath.Join(f.link(), worktree.LFSConfig)) {
				t.Fatal("a consumer's settings are published")
			}
		}
		refused = strings.Contains(strings.Join(f.logs, "\n"), "files and directories instead of")
	}
	if !refused {
		t.Error("the tree with a consumer's settings was never refused")
	}
	next(map[string]string{worktree.LFSConfig: "[lfs]\n\tconcurrenttransfers = 1\n"}, "settings of git-lfs have changed")
	next(map[string]string{"big.bin": "6"}, "settings of git-lfs have changed")
	next(map[string]string{"big.bin": "7"}, "")
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	next(map[string]string{"big.bin": "8"}, "may have left pointers")
}

// gitWithoutLFS is a git in whose PATH there is nothing else.
func gitWithoutLFS(t *testing.T) *git.Git {
	t.Helper()
	dir := t.TempDir()
	path, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(dir, "git")); err != nil {
		t.Fatal(err)
	}
	g, err := git.New(t.Context(), git.Options{Path: "git", Env: []string{"PATH=" + dir}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestLFSVariables: W19. A variable that git-lfs obeys makes another tree, also when it goes again.
func TestLFSVariables(t *testing.T) {
	sshserver.Require(t, "git-lfs", "git-lfs")
	f := newFixture(t)
	f.up.BigTree(many)
	hash := lfsPush(t, f, "content")
	for _, env := range [][]string{nil, {"GIT_LFS_SKIP_SMUDGE=1"}, nil} {
		plain := f.newGit(nil)
		if err := f.restart(func(o *Options) { o.Git = plain.With(git.Overlay{Env: env}) }); err != nil {
			t.Fatal(err)
		}
		if _, err := f.try(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(f.link(), "big.bin"))
		if err != nil || (string(data) == "content") != (env == nil) {
			t.Errorf("with %v: %q, %v", env, data, err)
		}
		if rev, _ := f.repo.Published(); rev.Hash != hash {
			t.Errorf("published %s", rev.Hash)
		}
	}
}
