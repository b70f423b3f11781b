package repo

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/repo/internal/disk"
)

// withoutExchange is a file system that cannot exchange two names, as NFS.
func withoutExchange(_, _ string) error { return errors.ErrUnsupported }

// TestSettleBeside: where a repair cannot take the place of the published tree
// of the same commit, it stands beside it under a number.
func TestSettleBeside(t *testing.T) {
	for _, layout := range []Layout{LayoutRev, LayoutWorktrees} {
		t.Run(string(layout), func(t *testing.T) {
			m := newFamily(t, func(o *Options) { o.Layout = layout })
			_, outer := nested(m)
			hash := m.up.Apply(adopt(mod{"sub", "../outer.git", outer}))
			plain := layout.Place(hash)
			begin := func() {
				t.Helper()
				if err := m.restart(); err != nil {
					t.Fatal(err)
				}
				m.repo.exchange = withoutExchange
			}
			at := func(want string) {
				t.Helper()
				if target, err := os.Readlink(m.link()); err != nil || target != want {
					t.Fatalf("the link leads to %q (%v), want %s", target, err, want)
				}
				m.pointedBack(want)
				m.clean()
			}
			damage := func() {
				t.Helper()
				rel := m.repo.current().place
				rec, _ := m.repo.records.At(rel)
				remove2(t, filepath.Join(m.repo.store.Admin(rec.ID), "index"))
			}
			begin()
			m.sync(hash)
			at(plain)

			damage()
			m.sync(hash)
			at(plain + ".2")
			begin()
			if tree := m.sync(hash); tree.New {
				t.Error("a tree with a number is made again after a restart")
			}
			if rev, ok := m.repo.Published(); !ok || rev.Hash != hash || rev.Path != filepath.Join(m.repo.root, plain+".2") {
				t.Errorf("Published() = %+v", rev)
			}

			damage() // the plain name is free by now
			m.sync(hash)
			at(plain)

			damage()
			m.sync(hash)
			at(plain + ".2")
			next := m.up.Commit(map[string]string{"next": "1"})
			m.sync(next)
			at(layout.Place(next))
		})
	}
}

// pointedBack checks that the admin directories of the tree at rel, and of its
// submodules, name its place, as git has them.
func (m *family) pointedBack(rel string) {
	m.t.Helper()
	rec, ok := m.repo.records.At(rel)
	if !ok {
		m.t.Fatalf("%s has no record", rel)
	}
	admins := map[string]string{m.repo.store.Admin(rec.ID): rel}
	for _, mod := range rec.Modules {
		admins[m.repo.store.Module(mod.Store).Admin(mod.Admin)] = path.Join(rel, mod.Path)
	}
	for admin, rel := range admins {
		back, err := os.ReadFile(filepath.Join(admin, "gitdir"))
		if got := filepath.Join(admin, strings.TrimSpace(string(back))); err != nil || got != filepath.Join(m.repo.root, rel, disk.GitName) {
			m.t.Errorf("%s names %s (%v), not the tree at %s", admin, got, err, rel)
		}
	}
}

// TestStoreReplacedWithoutExchange: two renames instead of one exchange.
func TestStoreReplacedWithoutExchange(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	if err := f.restart(func(o *Options) { o.Filter = "blob:none" }); err != nil {
		t.Fatal(err)
	}
	f.repo.exchange = withoutExchange
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.clean()
}
