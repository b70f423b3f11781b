//go:build amd64 || arm64

package crash

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// listing is what is below a directory: path to type, mode and content.
type listing map[string]string

// list reads a tree, without the .git files of worktrees.
func list(t *testing.T, dir string) listing {
	t.Helper()
	all := listing{}
	err := filepath.WalkDir(dir+"/.", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		if d.Name() == ".git" {
			return nil
		}
		switch d.Type() {
		case 0:
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			all[rel] = fmt.Sprintf("file %03o %s", info.Mode().Perm(), data)
		case fs.ModeSymlink:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			all[rel] = "link " + target
		default:
			info, err := d.Info()
			if err != nil {
				return err
			}
			all[rel] = fmt.Sprintf("%s %03o", d.Type(), info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// same says where two listings differ, "" when they do not.
func (l listing) differs(o listing) string {
	for name := range l {
		if l[name] != o[name] {
			return fmt.Sprintf("%s: %.60q, want %.60q", name, o[name], l[name])
		}
	}
	for name := range o {
		if _, ok := l[name]; !ok {
			return fmt.Sprintf("%s: there is no such thing", name)
		}
	}
	return ""
}

// world is an upstream with three revisions, and what their trees have to look like.
type world struct {
	t    *testing.T
	up   *gitserver.Repo
	v    [3]string // the revisions: published first, being synced, and pushed after the crash
	want [3]listing
}

// point makes the branch be at a revision, without a process.
func (w *world) at(i int) {
	w.t.Helper()
	ref := filepath.Join(w.up.Dir, "refs/heads/main")
	tmp := ref + ".new"
	if err := os.WriteFile(tmp, []byte(w.v[i]+"\n"), 0o644); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(tmp, ref); err != nil {
		w.t.Fatal(err)
	}
}

// plain is an upstream of a few files; more makes it one of many.
func plain(t *testing.T, more int) *world {
	w := &world{t: t, up: gitserver.NewRepo(t)}
	if more > 0 {
		w.up.Tag("base", w.up.BigTree(more))
	}
	w.v[0] = w.up.Apply(gitserver.Change{
		Files:    map[string]string{"a": "1\n", "dir/b": "1\n", "dir/sub/c": "1\n", "gone/x": "1\n", "keep/k": "1\n"},
		Execs:    map[string]string{"run": "#!/bin/sh\n"},
		Symlinks: map[string]string{"ln": "dir/b"},
	})
	w.v[1] = w.up.Apply(gitserver.Change{
		Delete:   []string{"gone", "ln"},
		Files:    map[string]string{"a": "2\n", "dir/sub/c": "2\n", "new/y": "2\n", "ln/file": "2\n", "keep/l": strings.Repeat("2\n", 5000)},
		Symlinks: map[string]string{"gone": "new"},
	})
	w.v[2] = w.up.Apply(gitserver.Change{Delete: []string{"ln", "new"}, Files: map[string]string{"a": "3\n"}, Execs: map[string]string{"dir/b": "3\n"}})
	for i, v := range w.v {
		w.want[i] = list(t, w.up.Export(v))
	}
	return w
}

// sparse is plain of which only the patterns' part is checked out.
func sparse(t *testing.T) *world {
	w := plain(t, 0)
	for i := range w.want {
		part := listing{}
		for name, what := range w.want[i] {
			if name == "." || name == "dir" || name == "keep" || strings.HasPrefix(name, "dir/") || strings.HasPrefix(name, "keep/") {
				part[name] = what
			}
		}
		w.want[i] = part
	}
	return w
}

func errors2(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// permitted is plain of which all files and directories get the modes of --change-permissions.
func permitted(t *testing.T, file, dir fs.FileMode) *world {
	w := plain(t, 0)
	for i := range w.want {
		for name, what := range w.want[i] {
			if kind, rest, _ := strings.Cut(what, " "); kind == "file" {
				w.want[i][name] = fmt.Sprintf("file %03o%s", file, rest[3:])
			} else if kind != "link" {
				w.want[i][name] = fmt.Sprintf("%s %03o", kind, dir)
			}
		}
	}
	return w
}

// sandbox is one root, with what others keep in it and beside it.
type sandbox struct {
	t    *testing.T
	dir  string
	link string // below dir
	// former is the link that an earlier run published, below dir; "" when it is the same.
	former string
	args   []string
}

func (b *sandbox) root() string { return filepath.Join(b.dir, "root") }

// argv is the command line of one run.
func (b *sandbox) argv(more ...string) []string {
	rel, err := filepath.Rel(b.root(), filepath.Join(b.dir, b.link))
	if err != nil {
		b.t.Fatal(err)
	}
	fixed := []string{harness.Binary(b.t), "--ref=main", "--root=" + b.root(), "--link=" + rel, "--one-time", "--stale-worktree-timeout=0s", "--log-format=json"}
	return append(append(fixed, b.args...), more...)
}

func environment(dir string) []string { return harness.Env(dir, "GIT_TRACE=0") }

// sync runs git-sync to its end, which has to be a good one.
func (b *sandbox) sync(more ...string) {
	b.t.Helper()
	if said, code := harness.Run(b.t, harness.Command{Home: b.dir, Args: b.argv(more...)[1:]}); code != 0 {
		b.t.Fatalf("a run without help: exit code %d\n%s", code, said)
	}
}

// others are files that are not git-sync's.
func others() map[string]string {
	return map[string]string{
		"root/notes/readme": "mine\n", "root/lost+found/x": "mine\n", "root/rev-mine": "mine\n", "root/.hidden": "mine\n",
		// Named like trees of v3.6: a directory, and a worktree of another repository.
		"root/" + strings.Repeat("1", 40) + "/x":    "mine\n",
		"root/" + strings.Repeat("2", 40) + "/.git": "gitdir: /elsewhere/.git/worktrees/" + strings.Repeat("2", 40) + "\n",
	}
}

func (b *sandbox) putOthers() {
	for name, content := range others() {
		name = filepath.Join(b.dir, name)
		if err := errors2(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *sandbox) checkOthers() {
	b.t.Helper()
	for name, content := range others() {
		if data, err := os.ReadFile(filepath.Join(b.dir, name)); err != nil || string(data) != content {
			b.t.Errorf("%s, which is not ours: %q, %v", name, data, err)
		}
	}
}

// published is what the link resolves to; nil when it is not there or leads nowhere.
func (b *sandbox) published() listing { return b.behind(b.link) }

// behind is what a link, below dir, resolves to; nil when it is not there or leads nowhere.
func (b *sandbox) behind(link string) listing {
	dir, err := filepath.EvalSymlinks(filepath.Join(b.dir, link))
	if err != nil {
		return nil
	}
	return list(b.t, dir)
}

// has reports whether there is something by a name below dir, wherever that leads.
func (b *sandbox) has(name string) bool {
	_, err := os.Lstat(filepath.Join(b.dir, name))
	return err == nil
}

// clone copies a sandbox, times and hard links included.
func (b *sandbox) clone(to string) *sandbox {
	b.t.Helper()
	if out, err := exec.Command("cp", "-a", b.dir, to).CombinedOutput(); err != nil {
		b.t.Fatalf("copying: %v\n%s", err, out)
	}
	c := *b
	c.dir = to
	c.relocate(b.dir)
	return &c
}

// relocate makes the absolute paths that older git-syncs have written lead into the copy.
func (b *sandbox) relocate(from string) {
	b.t.Helper()
	for _, pattern := range []string{"*/.git", ".worktrees/*/.git", ".git/worktrees/*/gitdir"} {
		files, err := filepath.Glob(filepath.Join(b.root(), pattern))
		must(b.t, err)
		for _, name := range files {
			data, err := os.ReadFile(name)
			must(b.t, err)
			if moved := strings.ReplaceAll(string(data), from+"/", b.dir+"/"); moved != string(data) {
				must(b.t, os.WriteFile(name, []byte(moved), 0o644))
			}
		}
	}
}

func (b *sandbox) remove() {
	if err := os.RemoveAll(b.dir); err != nil {
		b.t.Error(err)
	}
}

var tree = regexp.MustCompile(`^(rev-|\.worktrees/)[0-9a-f]{40}(\.[0-9]+)?$`)

// checkClean looks for leftovers: beside others' there is the store, the link and one tree, and in the store nothing
// temporary, and nothing that belongs to a tree that is gone.
func (b *sandbox) checkClean() {
	b.t.Helper()
	root := b.root()
	published, _ := filepath.EvalSymlinks(filepath.Join(b.dir, b.link))
	for _, dir := range []string{".", ".worktrees", filepath.Dir(filepath.Join("..", b.link)), filepath.Dir(filepath.Join("..", b.former))} {
		entries, _ := os.ReadDir(filepath.Join(root, dir))
		for _, e := range entries {
			at := filepath.Join(root, dir, e.Name())
			rel, _ := filepath.Rel(b.dir, at)
			_, theirs := others()[rel]
			for name := range others() {
				theirs = theirs || strings.HasPrefix(name, rel+"/")
			}
			known := []string{"root/.git", "root/.worktrees", "root/.git-sync.published", b.link}
			if !theirs && !slices.Contains(known, rel) && at != published {
				b.t.Errorf("left over: %s", rel)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(root, ".worktrees")); err == nil && !strings.Contains(published, "/.worktrees/") {
		b.t.Errorf("left over: .worktrees")
	}
	for _, state := range names(filepath.Join(root, ".git-sync.published")) {
		for _, name := range names(filepath.Join(root, ".git-sync.published", state)) {
			if name != "manifest" && !strings.HasPrefix(name, "spare-") {
				b.t.Errorf("left over: %s of a published directory", name)
			}
		}
	}
	b.checkStore(filepath.Join(root, ".git"))
}

func (b *sandbox) checkStore(dir string) {
	b.t.Helper()
	admins := names(filepath.Join(dir, "worktrees"))
	spare := names(filepath.Join(dir, "git-sync/spare"))
	info, err := os.Lstat(filepath.Join(b.dir, b.link))
	isCopied := err == nil && info.IsDir() && slices.Equal(admins, spare) // the spare tree is the one that was copied
	if len(admins) != 1+len(spare) && !isCopied {
		b.t.Errorf("admin directories %v, with the spare tree %v", admins, spare)
	}
	for _, store := range names(filepath.Join(dir, "git-sync/modules")) {
		for _, admin := range names(filepath.Join(dir, "git-sync/modules", store, "worktrees")) {
			if !slices.ContainsFunc(admins, func(id string) bool { return strings.HasPrefix(admin, id+"-") }) {
				b.t.Errorf("left over: submodule's admin directory %s", admin)
			}
		}
	}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		switch {
		case name == filepath.Join(dir, "git-sync/spare"):
			return fs.SkipDir
		case strings.HasSuffix(base, ".lock"), strings.HasSuffix(base, ".keep"), strings.HasPrefix(base, "tmp_"),
			strings.HasPrefix(base, ".tmp"), strings.HasPrefix(base, ".git-sync."):
			b.t.Errorf("left over: %s", name)
		}
		return nil
	})
	if err != nil {
		b.t.Error(err)
	}
}

func names(dir string) []string {
	entries, _ := os.ReadDir(dir) // absent: none
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
