//go:build amd64 || arm64

package crash

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"git-sync/test/gitserver"
)

// mounts says what is checked out in a tree where: path to repository and commit. Of two, the outer one sorts first.
type mounts map[string]mount

type mount struct {
	repo   *gitserver.Repo
	commit string
}

// section is a submodule's part of .gitmodules.
func section(name, path, url string) string {
	return fmt.Sprintf("[submodule %q]\n\tpath = %s\n\turl = ../%s\n", name, path, url)
}

// family is an upstream beside two others: lib, of two commits, and inner, which is lib's submodule "in".
type family struct {
	*world
	inner, lib *gitserver.Repo
	in         mount
	lib1, lib2 mount
}

func newFamily(t *testing.T) family {
	root := t.TempDir()
	f := family{
		world: &world{t: t, up: gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root})},
		inner: gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root, Name: "inner.git"}),
		lib:   gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: root, Name: "lib.git"}),
	}
	f.in = mount{f.inner, f.inner.Commit(map[string]string{"deep": "1\n"})}
	f.lib1 = mount{f.lib, f.lib.Apply(gitserver.Change{
		Files:    map[string]string{"l": "1\n", ".gitmodules": section("inner", "in", "inner.git")},
		Gitlinks: map[string]string{"in": f.in.commit},
	})}
	f.lib2 = mount{f.lib, f.lib.Commit(map[string]string{"l": "2\n"})}
	return f
}

// mounted says what revision i has to look like with its submodules in it.
func (f family) mounted(i int, m mounts) {
	f.t.Helper()
	dir := f.up.Export(f.v[i])
	for _, at := range slices.Sorted(maps.Keys(m)) {
		at, what := filepath.Join(dir, at), m[at]
		if err := errors2(os.RemoveAll(at), os.Rename(what.repo.Export(what.commit), at)); err != nil {
			f.t.Fatal(err)
		}
	}
	f.want[i] = list(f.t, dir)
}

// modules is an upstream with submodules, of which one moves, one changes and one goes.
func modules(t *testing.T) *world {
	f := newFamily(t)
	f.v[0] = f.up.Apply(gitserver.Change{
		Files:    map[string]string{"a": "1\n", ".gitmodules": section("lib", "lib", "lib.git") + section("gone", "gone", "inner.git")},
		Gitlinks: map[string]string{"lib": f.lib1.commit, "gone": f.in.commit},
	})
	f.v[1] = f.up.Apply(gitserver.Change{
		Delete:   []string{"lib", "gone"},
		Files:    map[string]string{"a": "2\n", ".gitmodules": section("lib", "third/lib", "lib.git")},
		Gitlinks: map[string]string{"third/lib": f.lib2.commit},
	})
	f.v[2] = f.up.Apply(gitserver.Change{Files: map[string]string{"a": "3\n"}, Gitlinks: map[string]string{"third/lib": f.lib1.commit}})
	f.mounted(0, mounts{"lib": f.lib1, "lib/in": f.in, "gone": f.in})
	f.mounted(1, mounts{"third/lib": f.lib2, "third/lib/in": f.in})
	f.mounted(2, mounts{"third/lib": f.lib1, "third/lib/in": f.in})
	return f.world
}

// replaced is an upstream of which a submodule moves, another repository takes its place, and an ordinary directory that of
// the other; and back.
func replaced(t *testing.T) *world {
	f := newFamily(t)
	f.v[0] = f.up.Apply(gitserver.Change{
		Files:    map[string]string{"a": "1\n", ".gitmodules": section("lib", "lib", "lib.git") + section("in", "in", "inner.git")},
		Gitlinks: map[string]string{"lib": f.lib1.commit, "in": f.in.commit},
	})
	f.v[1] = f.up.Apply(gitserver.Change{
		Delete: []string{"lib", "in"},
		Files: map[string]string{
			"a": "2\n", "in/file": "2\n",
			// The name stays with the path, as when somebody edits the URL.
			".gitmodules": section("lib", "lib", "inner.git") + section("moved", "third/lib", "lib.git"),
		},
		Gitlinks: map[string]string{"lib": f.in.commit, "third/lib": f.lib2.commit},
	})
	f.v[2] = f.up.Apply(gitserver.Change{
		Delete:   []string{"lib", "in", "third"},
		Files:    map[string]string{"a": "3\n", "third": "3\n", ".gitmodules": section("lib", "lib", "lib.git")},
		Gitlinks: map[string]string{"lib": f.lib2.commit},
	})
	f.mounted(0, mounts{"lib": f.lib1, "lib/in": f.in, "in": f.in})
	f.mounted(1, mounts{"lib": f.in, "third/lib": f.lib2, "third/lib/in": f.in})
	f.mounted(2, mounts{"lib": f.lib2, "lib/in": f.in})
	return f.world
}
