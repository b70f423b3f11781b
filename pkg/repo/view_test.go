package repo

import (
	"os"
	"path/filepath"
	"testing"
	"time"
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

// What is done to a tree that is known to be intact is seen by the next sync, as long as it can be seen at all.
func TestViewSeesChanges(t *testing.T) {
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
			name := filepath.Join(tree.Path, gitDirName)
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			data[len(data)-2]++ // of the same size
			return os.WriteFile(name, data, 0o666)
		},
		"its HEAD is rewritten": func(f *fixture, tree Tree) error {
			return os.WriteFile(filepath.Join(f.repo.store.admin(tree.rec.id), "HEAD"), []byte("0000000000000000000000000000000000000000\n"), 0o666)
		},
		"its commondir is cut": func(f *fixture, tree Tree) error {
			return os.Truncate(filepath.Join(f.repo.store.admin(tree.rec.id), "commondir"), 0)
		},
		"its gitdir is cut": func(f *fixture, tree Tree) error {
			return os.Truncate(filepath.Join(f.repo.store.admin(tree.rec.id), "gitdir"), 0)
		},
		"its .git file is cut": func(_ *fixture, tree Tree) error {
			return os.Truncate(filepath.Join(tree.Path, gitDirName), 0)
		},
		"its index is cut": func(f *fixture, tree Tree) error {
			return os.Truncate(filepath.Join(f.repo.store.admin(tree.rec.id), "index"), 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			// A second ahead, so that every file has been left alone long enough.
			f := newFixture(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Second) } })
			hash := f.up.Commit(map[string]string{"a": "1"})
			f.sync(hash)
			tree := f.poll()
			if !f.repo.view.unchanged() {
				t.Fatal("the tree is not known to be intact")
			}
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

// What readers do in a tree is their business, and costs no closer look.
func TestViewIgnoresReaders(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Second) } })
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	tree := f.poll()
	if err := os.WriteFile(filepath.Join(tree.Path, "cache"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if !f.repo.view.unchanged() {
		t.Error("a reader's file makes the tree look different")
	}
}

// Files that changed a moment ago may change again without looking different.
func TestViewWaits(t *testing.T) {
	now := time.Now()
	f := newFixture(t, func(o *Options) { o.Now = func() time.Time { return now } })
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	f.poll()
	if f.repo.view.unchanged() {
		t.Error("the tree is taken for known in the moment in which it was made")
	}
}

// A submodule has files of its own: what is done to them is seen as well.
func TestViewSeesSubmodules(t *testing.T) {
	for name, harm := range map[string]func(m *family, tree Tree) error{
		"its .git file is gone": func(_ *family, tree Tree) error { return os.Remove(filepath.Join(tree.Path, "sub", gitDirName)) },
		"it is gone":            func(_ *family, tree Tree) error { return os.RemoveAll(filepath.Join(tree.Path, "sub")) },
		"its store is gone": func(m *family, tree Tree) error {
			return os.RemoveAll(m.repo.moduleStore(m.repo.store, tree.rec.Modules[0].Store).dir)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newFamily(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Second) } })
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
