package checkout

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// world is a server, a repository on it, and a directory in which git-sync runs.
type world struct {
	harness.Root
	t       *testing.T
	dir     string
	server  *gitserver.Server
	up      *gitserver.Repo
	replace map[string]string // what the documents call things, and where they really are
	env     []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), up: gitserver.NewRepoWith(t, gitserver.RepoOptions{Name: "docs.git"})}
	w.Root = harness.Root{Dir: filepath.Join(w.dir, "git"), Link: filepath.Join(w.dir, "git/docs")}
	w.server = gitserver.HTTP(t, w.up)
	w.replace = map[string]string{
		"https://git.example.com": w.server.URL, "file:///srv/git/docs.git": w.up.FileURL(),
		"/tmp/git": w.dir + "/git", "/tmp/patterns": w.dir + "/patterns", "/tmp/keys": w.dir + "/keys",
	}
	return w
}

// modules pushes a tree with a submodule in which there is another, in three commits with tags.
func (w *world) modules() {
	w.t.Helper()
	member := func(name string, files map[string]string, links map[string]string) string {
		r := gitserver.NewRepoWith(w.t, gitserver.RepoOptions{Root: w.server.Root, Name: name})
		return r.Apply(gitserver.Change{Files: files, Gitlinks: links})
	}
	section := func(path string) string {
		return fmt.Sprintf("[submodule %q]\n\tpath = %s\n\turl = ../%s.git\n", path, path, path)
	}
	icons := member("icons.git", map[string]string{"icon": "i"}, nil)
	theme := member("theme.git", map[string]string{"css": "c", ".gitmodules": section("icons")}, map[string]string{"icons": icons})
	w.up.Commit(map[string]string{"README": "first\n", "guide/index": "g"})
	w.up.Tag("v1.9.0", "main")
	w.up.Commit(map[string]string{"version": "1.10"})
	w.up.Tag("v1.10.0", "main")
	w.up.Apply(gitserver.Change{Delete: []string{"version"}, Files: map[string]string{".gitmodules": section("theme")}, Gitlinks: map[string]string{"theme": theme}})
	w.up.Tag("v2.0.0", "main")
}

// run runs a shell command in which git-sync is known, and returns what it prints.
func (w *world) run(code string) (string, error) {
	w.t.Helper()
	for name, value := range w.replace {
		code = strings.ReplaceAll(code, name, value)
	}
	cmd := exec.Command("sh", "-euc", code)
	cmd.Dir = w.dir
	cmd.Env = harness.Env(w.dir, w.env...)
	cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(harness.Binary(w.t))+":"+os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// sync makes one sync, with a umask, and ends the test when it fails.
func (w *world) sync(umask string, args ...string) {
	w.t.Helper()
	code := "umask " + umask + "; exec git-sync --repo=" + w.server.RepoURL(w.up) + " --root=/tmp/git --dest=docs --one-time " + strings.Join(args, " ")
	if said, err := w.run(code); err != nil {
		w.t.Fatalf("%s: %v\n%s", code, err, said)
	}
}

// start starts git-sync in a loop.
func (w *world) start(args ...string) *harness.Program {
	w.t.Helper()
	args = append([]string{"--repo=" + w.server.RepoURL(w.up), "--root=" + w.Dir, "--dest=docs", "--wait=0.1", "--max-failures=-1", "--backoff-max=100ms"}, args...)
	p := harness.Start(w.t, harness.Command{Home: w.dir, Env: w.env, Args: args})
	w.t.Cleanup(p.Stop)
	return p
}

// published checks which files there are; those with a "!" are not to be.
func (w *world) published(said string, files ...string) {
	w.t.Helper()
	for _, name := range files {
		name, absent := strings.CutPrefix(name, "!")
		if _, err := os.Stat(w.Path(name)); (err == nil) == absent {
			w.t.Errorf("%s: %v\n%s", name, err, said)
		}
	}
}

// holds checks a published file.
func (w *world) holds(name, want string) {
	w.t.Helper()
	if got, err := os.ReadFile(w.Path(name)); err != nil || string(got) != want {
		w.t.Errorf("%s: %.100q, %v; want %.100q", name, got, err, want)
	}
}

// fileMode checks the permissions of published files.
func (w *world) fileMode(want os.FileMode, names ...string) {
	w.t.Helper()
	for _, name := range names {
		if info, err := os.Stat(w.Path(name)); err != nil || info.Mode().Perm() != want {
			w.t.Errorf("%s: %v, %v; want %v", name, info, err, want)
		}
	}
}

// groupWritable checks all that is under the root. Objects are read-only to everybody, as git has them: they are replaced, not
// written.
func (w *world) groupWritable() {
	w.t.Helper()
	must(w.t, filepath.WalkDir(filepath.Join(w.dir, "git"), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeSymlink != 0 || !d.IsDir() && strings.Contains(name, "/objects/") {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode()&0o020 == 0 {
			w.t.Errorf("%s has the mode %v", strings.TrimPrefix(name, w.dir), info.Mode())
		}
		return err
	}))
}

func content(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
