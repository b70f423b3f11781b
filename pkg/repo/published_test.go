package repo

import (
	"os"
	"path/filepath"
	"testing"

	"git-sync/pkg/repo/internal/disk"
)

// poll is a sync after which nobody runs git in the tree, which would write its index anew.
func (f *fixture) poll() Tree {
	f.t.Helper()
	tree, err := f.try()
	if err != nil {
		f.t.Fatalf("sync: %v", err)
	}
	return tree
}

// What is done to a tree that is known to be intact is found by the next sync, as long as it can be found at all.
func TestDamageIsSeen(t *testing.T) {
	for name, harm := range map[string]func(f *fixture, tree Tree) error{
		"the link leads elsewhere": func(f *fixture, _ Tree) error {
			if err := os.Remove(f.link()); err != nil {
				return err
			}
			return os.Symlink("rev-0000000000000000000000000000000000000000", f.link())
		},
		"the tree is gone": func(_ *fixture, tree Tree) error { return os.RemoveAll(tree.Path) },
		"another tree is in its place": func(_ *fixture, tree Tree) error {
			if err := os.Rename(tree.Path, tree.Path+".gone"); err != nil {
				return err
			}
			return os.Mkdir(tree.Path, 0o777)
		},
		"its .git file is rewritten": func(_ *fixture, tree Tree) error {
			name := filepath.Join(tree.Path, disk.GitName)
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			data[len(data)-2]++ // of the same size
			return os.WriteFile(name, data, 0o666)
		},
		"its HEAD is rewritten": func(f *fixture, tree Tree) error {
			return os.WriteFile(filepath.Join(f.repo.store.Admin(tree.rec.ID), "HEAD"), []byte("0000000000000000000000000000000000000000\n"), 0o666)
		},
		"its commondir is cut": func(f *fixture, tree Tree) error {
			return os.Truncate(filepath.Join(f.repo.store.Admin(tree.rec.ID), "commondir"), 0)
		},
		"its gitdir is cut": func(f *fixture, tree Tree) error {
			return os.Truncate(filepath.Join(f.repo.store.Admin(tree.rec.ID), "gitdir"), 0)
		},
		"its .git file is cut": func(_ *fixture, tree Tree) error {
			return os.Truncate(filepath.Join(tree.Path, disk.GitName), 0)
		},
		"its index is cut": func(f *fixture, tree Tree) error {
			return os.Truncate(filepath.Join(f.repo.store.Admin(tree.rec.ID), "index"), 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			hash := f.up.Commit(map[string]string{"a": "1"})
			f.sync(hash)
			tree := f.poll()
			if f.poll().New {
				t.Fatal("made anew although nothing has happened")
			}
			if err := harm(f, tree); err != nil {
				t.Fatal(err)
			}
			if !f.sync(hash).New {
				t.Error("it was taken for intact")
			}
		})
	}
}

// A submodule has files of its own: what is done to them is found as well.
func TestDamageOfSubmodulesIsSeen(t *testing.T) {
	for name, harm := range map[string]func(m *family, tree Tree) error{
		"its .git file is gone": func(_ *family, tree Tree) error { return os.Remove(filepath.Join(tree.Path, "sub", disk.GitName)) },
		"it is gone":            func(_ *family, tree Tree) error { return os.RemoveAll(filepath.Join(tree.Path, "sub")) },
		"its store is gone": func(m *family, tree Tree) error {
			return os.RemoveAll(m.repo.store.Module(tree.rec.Modules[0].Store).Dir())
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newFamily(t)
			lib := m.member("lib").Commit(map[string]string{"x": "1"})
			hash := m.up.Apply(adopt(mod{"sub", "../lib", lib}))
			m.sync(hash)
			tree := m.poll()
			if err := harm(m, tree); err != nil {
				t.Fatal(err)
			}
			if !m.poll().New {
				t.Error("it was taken for intact")
			}
			m.sync(hash)
		})
	}
}
