// Package hostile publishes repositories that mean harm: nothing that they carry is run, and nothing is written outside of the
// root (fault X4). Their objects are made one by one, since git itself would not make some of them.
package hostile

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// attacker makes objects of any kind in an upstream.
type attacker struct {
	t  *testing.T
	up *gitserver.Repo
}

// object writes an object without looking at it, and returns its hash.
func (a attacker) object(kind, content string) string {
	a.t.Helper()
	cmd := exec.Command("git", "hash-object", "-t", kind, "-w", "--literally", "--stdin")
	cmd.Env = gitserver.Env("GIT_DIR=" + a.up.Dir)
	cmd.Stdin = strings.NewReader(content)
	out, err := cmd.Output()
	must(a.t, err)
	return strings.TrimSpace(string(out))
}

// entry is one entry of a tree.
type entry struct{ mode, name, hash string }

func (a attacker) file(name, content string) entry {
	return entry{"100644", name, a.object("blob", content)}
}

func (a attacker) exec(name, content string) entry {
	return entry{"100755", name, a.object("blob", content)}
}

func (a attacker) link(name, target string) entry {
	return entry{"120000", name, a.object("blob", target)}
}

func (a attacker) dir(name string, entries ...entry) entry {
	return entry{"40000", name, a.tree(entries...)}
}

// module is a submodule's entry.
func (a attacker) module(name string) entry { return entry{"160000", name, a.up.Rev("good")} }

// tree writes a tree with exactly these entries, in git's order.
func (a attacker) tree(entries ...entry) string {
	a.t.Helper()
	sort.SliceStable(entries, func(i, j int) bool { return sortName(entries[i]) < sortName(entries[j]) })
	var b bytes.Buffer
	for _, e := range entries {
		raw, err := hex.DecodeString(e.hash)
		must(a.t, err)
		fmt.Fprintf(&b, "%s %s\x00%s", e.mode, e.name, raw)
	}
	return a.object("tree", b.String())
}

// sortName is what git orders the entries of a tree by: a directory's name ends in a slash.
func sortName(e entry) string {
	if e.mode == "40000" {
		return e.name + "/"
	}
	return e.name
}

// push makes the branch be at a commit of these entries.
func (a attacker) push(entries ...entry) string {
	a.t.Helper()
	who := "A Test <test@example.com> 1767225600 +0000"
	hash := a.object("commit", fmt.Sprintf("tree %s\nauthor %s\ncommitter %s\n\nhostile\n", a.tree(entries...), who, who))
	a.up.Set("refs/heads/main", hash)
	return hash
}

// victim is a git-sync with something beside its root that is not to be touched.
type victim struct {
	harness.Root
	t    *testing.T
	dir  string
	args []string
}

func newVictim(t *testing.T, url string, args ...string) *victim {
	dir := t.TempDir()
	v := &victim{Root: harness.NewRoot(dir), t: t, dir: dir}
	must(t, os.MkdirAll(filepath.Join(v.dir, "outside/dir"), 0o755))
	must(t, os.WriteFile(filepath.Join(v.dir, "outside/file"), []byte("precious"), 0o600))
	must(t, os.Mkdir(filepath.Join(v.dir, "home"), 0o755))
	v.args = append(append(v.Args(url), "--ref=main", "--one-time", "--stale-worktree-timeout=0s", "--sync-timeout=60s"), args...)
	return v
}

// sync runs git-sync and returns what it says, and whether it has succeeded.
func (v *victim) sync() (said string, ok bool) {
	v.t.Helper()
	said, code := harness.Run(v.t, harness.Command{Home: filepath.Join(v.dir, "home"), Args: v.args})
	return said, code == 0
}

// lfsVersion is what git-lfs adds to the configuration of every repository that it works in.
const lfsVersion = "[lfs]\n\trepositoryformatversion = 0\n"

// around lists all that is not git-sync's, and of its store what git would obey.
func (v *victim) around() string {
	v.t.Helper()
	var b strings.Builder
	must(v.t, filepath.WalkDir(v.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(v.dir, name)
		switch rel {
		case "root/.git/objects", "root/.git/worktrees", "root/.git/refs", "root/.git/git-sync", "root/.git/lfs", "root/.worktrees",
			"root/.git-sync.trash": // a refused tree is moved there, and removed at the next start
			return fs.SkipDir
		case "root/link", "root/.git/shallow":
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v", rel, info.Mode())
		if d.Type().IsRegular() {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %s", strings.Replace(string(data), lfsVersion, "", 1))
		}
		b.WriteByte('\n')
		return nil
	}))
	return b.String()
}

// attack is one hostile tree.
type attack struct {
	refused string // part of the error; empty: it is published, and harmless
	args    []string
	tree    func(a attacker, outside string) []entry
	either  bool // being refused and being published are both fine
}

// harm is a shell command that leaves a trace outside of the root.
func harm(outside string) string { return "touch " + outside + "/harmed" }

func hook(outside string) string { return "#!/bin/sh\n" + harm(outside) + "\n" }

func modulesFile(lines ...string) string {
	return "[submodule \"m\"]\n\t" + strings.Join(lines, "\n\t") + "\n"
}

func named(name string) func(attacker, string) []entry {
	return func(a attacker, outside string) []entry {
		return []entry{a.dir(name, a.file("config", "[core]\n\tfsmonitor = "+harm(outside)+"\n"), a.dir("hooks", a.exec("post-checkout", hook(outside))))}
	}
}

func attacks() map[string]attack {
	return map[string]attack{
		// What git would obey if it were its own.
		"hooks in the tree": {tree: func(a attacker, outside string) []entry {
			return []entry{
				a.dir("hooks", a.exec("post-checkout", hook(outside)), a.exec("post-index-change", hook(outside)), a.exec("reference-transaction", hook(outside))),
				a.dir(".githooks", a.exec("post-checkout", hook(outside))),
				a.file("config", "[core]\n\thooksPath = hooks\n"), a.file(".gitconfig", "[core]\n\thooksPath = hooks\n"),
			}
		}},
		"a tree that looks like a git directory": {tree: func(a attacker, outside string) []entry {
			return []entry{
				a.file("HEAD", "ref: refs/heads/main\n"), a.file("config", "[core]\n\tbare = false\n\tworktree = "+outside+"\n\tfsmonitor = "+harm(outside)+"\n"),
				a.dir("objects", a.file("x", "")), a.dir("refs", a.file("x", "")), a.dir("hooks", a.exec("post-checkout", hook(outside))),
			}
		}},
		"filters": {tree: func(a attacker, outside string) []entry {
			return []entry{
				a.file(".gitattributes", "* filter=evil diff=evil merge=evil working-tree-encoding=UTF-16\n*.lfs filter=lfs\n"),
				a.file(".gitconfig", "[filter \"evil\"]\n\tsmudge = "+harm(outside)+"\n\trequired\n"), a.file("a", "a\n"), a.file("b.lfs", "b\n"),
			}
		}},
		// Where git-lfs is not installed, the pointer is published; where it is, it misses the object.
		"lfs configuration": {either: true, tree: func(a attacker, outside string) []entry {
			return []entry{
				a.file(".lfsconfig", "[lfs]\n\turl = file://"+outside+"\n[lfs \"customtransfer.x\"]\n\tpath = "+harm(outside)+"\n"),
				a.file(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n"),
				a.file("a.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("0", 64)+"\nsize 1\n"),
			}
		}},
		// Names that are the git directory, to some file system or other.
		".git":                    {refused: "invalid path", tree: named(".git")},
		".GIT":                    {refused: "invalid path", tree: named(".GIT")},
		"git~1":                   {refused: "invalid path", tree: named("git~1")},
		".git with a space":       {refused: "invalid path", tree: named(".git ")},
		".git with a stream":      {refused: "invalid path", tree: named(".git::$INDEX_ALLOCATION")},
		".git with an invisible":  {refused: "invalid path", tree: named(".g\u200cit")},
		".git as a file":          {refused: "invalid path", tree: func(a attacker, outside string) []entry { return []entry{a.file(".git", "gitdir: "+outside+"\n")} }},
		".git within a directory": {refused: "invalid path", tree: func(a attacker, outside string) []entry { return []entry{a.dir("d", named(".git")(a, outside)...)} }},
		".git as a symlink":       {refused: "invalid path", tree: func(a attacker, outside string) []entry { return []entry{a.link(".git", outside)} }},
		".gitmodules as symlink":  {refused: "invalid path", tree: func(a attacker, outside string) []entry { return []entry{a.link(".gitmodules", outside+"/file")} }},
		"..":                      {refused: "invalid path", tree: func(a attacker, outside string) []entry { return []entry{a.dir("..", a.file("harmed", ""))} }},
		".":                       {refused: "invalid path", tree: func(a attacker, outside string) []entry { return []entry{a.dir(".", a.file("harmed", ""))} }},
		"a name with slashes":     {refused: "checking out", tree: func(a attacker, outside string) []entry { return []entry{a.file("../../outside/harmed", "")} }},
		"an absolute name":        {refused: "checking out", tree: func(a attacker, outside string) []entry { return []entry{a.file(outside+"/harmed", "")} }},
		"an empty name":           {refused: "consecutive failures", tree: func(a attacker, outside string) []entry { return []entry{a.file("", "")} }},
		// Symlinks out of the tree are published as they are, and never followed.
		"symlinks out": {args: []string{"--change-permissions=0777"}, tree: func(a attacker, outside string) []entry {
			return []entry{a.link("file", outside+"/file"), a.link("dir", outside+"/dir"), a.link("up", "../../../../outside/file"), a.link("etc", "/etc")}
		}},
		"a path through a symlink": {either: true, tree: func(a attacker, outside string) []entry {
			return []entry{a.link("d", outside), a.dir("d", a.file("harmed", ""))}
		}},
		"a path through a symlink of another case": {either: true, tree: func(a attacker, outside string) []entry {
			return []entry{a.link("D", outside+"/dir"), a.dir("d", a.file("fine", ""))}
		}},
		// Submodules.
		"a submodule's update command": {args: []string{"--submodules=off"}, tree: func(a attacker, outside string) []entry {
			return []entry{a.file(".gitmodules", modulesFile("path = m", "url = "+a.up.FileURL(), "update = !"+harm(outside))), a.module("m")}
		}},
		"a submodule that runs a command": {refused: "not allowed", tree: func(a attacker, outside string) []entry {
			return []entry{a.file(".gitmodules", modulesFile("path = m", "url = ext::sh -c "+strings.ReplaceAll(harm(outside), " ", "%20"))), a.module("m")}
		}},
		"a submodule whose URL is an option": {refused: "dash", tree: func(a attacker, outside string) []entry {
			return []entry{a.file(".gitmodules", modulesFile("path = m", "url = --upload-pack="+harm(outside))), a.module("m")}
		}},
		"a submodule on this machine": {refused: "not allowed", tree: func(a attacker, outside string) []entry {
			return []entry{a.file(".gitmodules", modulesFile("path = m", "url = "+a.up.FileURL())), a.module("m")}
		}},
		"a submodule on this machine, by path": {refused: "not allowed", tree: func(a attacker, outside string) []entry {
			return []entry{a.file(".gitmodules", modulesFile("path = m", "url = "+a.up.Dir)), a.module("m")}
		}},
		"a submodule at a path that leads out": {either: true, tree: func(a attacker, outside string) []entry {
			return []entry{a.file(".gitmodules", modulesFile("path = ../../outside/dir", "url = https://127.0.0.1:1/x.git")), a.module("m")}
		}},
		"a submodule behind a symlink": {either: true, tree: func(a attacker, outside string) []entry {
			return []entry{
				a.file(".gitmodules", modulesFile("path = s/m", "url = https://127.0.0.1:1/x.git")), a.link("s", outside), a.dir("s", a.module("m")),
			}
		}},
		"a submodule named to leave its place": {refused: "127.0.0.1", // the name is not used for anything
			tree: func(a attacker, outside string) []entry {
				return []entry{a.file(".gitmodules", "[submodule \"../../../../outside/dir\"]\n\tpath = m\n\turl = https://127.0.0.1:1/x.git\n"), a.module("m")}
			}},
		"a submodule called .git": {refused: "invalid path", tree: func(a attacker, outside string) []entry {
			return []entry{a.file(".gitmodules", modulesFile("path = .git", "url = https://127.0.0.1:1/x.git")), a.module(".git")}
		}},
		"modules that include another file": {tree: func(a attacker, outside string) []entry {
			return []entry{a.file(".gitmodules", "[include]\n\tpath = "+outside+"/file\n"), a.file("a", "")}
		}},
		// Names that are only odd.
		"odd names": {tree: func(a attacker, outside string) []entry {
			return []entry{
				a.file("-rf", ""), a.file("--upload-pack=x", ""), a.file("new\nline", ""), a.file("\x01\x7f", ""), a.file("latin\xe4", ""),
				a.file("$("+harm(outside)+")", ""), a.file(strings.Repeat("n", 255), ""), a.file("CON", ""), a.file("a\\b", ""),
			}
		}},
	}
}

func TestHostile(t *testing.T) {
	for name, attack := range attacks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := attacker{t, gitserver.NewRepo(t)}
			good := a.up.Commit(map[string]string{"a": "good\n"})
			a.up.Tag("good", good)
			v := newVictim(t, a.up.FileURL(), attack.args...)
			if said, ok := v.sync(); !ok {
				t.Fatalf("the good revision: %s", said)
			}
			before := v.around()
			outside := filepath.Join(v.dir, "outside")

			hash := a.push(attack.tree(a, outside)...)
			said, ok := v.sync()
			if after := v.around(); after != before {
				t.Errorf("something outside has changed:\n%s\nit was:\n%s", after, before)
			}
			if logs, _ := filepath.Glob(filepath.Join(v.dir, "root/.git/lfs/logs/*")); len(logs) > 0 {
				t.Errorf("git-lfs has left its environment: %v", logs)
			}
			switch {
			case ok && attack.refused != "":
				t.Errorf("published, where it was to be refused")
			case !ok && attack.refused == "" && !attack.either:
				t.Errorf("refused: %s", said)
			case !ok && !strings.Contains(said, attack.refused):
				t.Errorf("refused, but %q is not in: %s", attack.refused, said)
			case ok && v.Published() != hash:
				t.Errorf("published %s, want %s", v.Published(), hash)
			case !ok && v.Published() != good:
				t.Errorf("published %s, want what was there before, %s", v.Published(), good)
			}

			better := a.up.Apply(gitserver.Change{Orphan: true, Files: map[string]string{"a": "better\n"}})
			if said, ok := v.sync(); !ok || v.Published() != better {
				t.Errorf("a good revision afterwards: %s", said)
			}
			if after := v.around(); after != before {
				t.Errorf("something outside has changed afterwards:\n%s\nit was:\n%s", after, before)
			}
		})
	}
}
