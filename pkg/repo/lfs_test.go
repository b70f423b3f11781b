package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
	"git-sync/test/sshserver"
)

// lfsPush pushes a file of content through git-lfs and returns the commit.
func lfsPush(t *testing.T, f *fixture, content string) string {
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
	write(t, filepath.Join(dir, "big.bin"), content)
	write(t, filepath.Join(dir, ".gitattributes"), "*.bin filter=lfs diff=lfs merge=lfs -text\n")
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
		if exists(f.repo.store.path(lfsDir)) {
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
	if n := strings.Count(strings.Join(bare.logs, "\n"), "git-lfs is not installed"); n != 1 {
		t.Errorf("%d warnings, want one", n)
	}
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
