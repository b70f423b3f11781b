package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// Module returns the submodules' store called name. All trees share it: a
// submodule that did not change is not fetched again.
func (st *Store) Module(name string) *Store { return At(st.ModuleDir(name).Dir(), st.opts) }

// Modules returns the submodules' stores.
func (st *Store) Modules() ([]*Store, error) {
	entries, err := os.ReadDir(st.Own(disk.ModulesName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing submodules: %w", err)
	}
	var stores []*Store
	for _, e := range entries {
		stores = append(stores, st.Module(e.Name()))
	}
	return stores, nil
}

// All returns the submodules' stores and, last, the store itself.
func (st *Store) All() ([]*Store, error) {
	modules, err := st.Modules()
	return append(modules, st), err
}

// ObtainModule sees to it that the submodules' store called name has commit,
// which is fetched from url.
func (st *Store) ObtainModule(ctx context.Context, g *git.Git, name, url, commit string) error {
	m := st.Module(name)
	m.url = url
	if m.Err != nil {
		return m.Err
	}
	format := formatOf(commit)
	if m.Usable() && m.Meta.Format == format {
		if err := errors.Join(m.complete(), m.forgetOtherDepth()); err != nil {
			return err
		}
		if has, err := m.hasModule(ctx, g, commit); has || err != nil {
			return err
		}
	} else if err := m.createAnew(format); err != nil {
		return err
	}
	if err := m.fetchOne(ctx, g, commit, moduleRef(commit), fetchOptions{untrusted: true}); err != nil {
		return err
	}
	meta := m.Meta
	meta.Depth = m.opts.Depth
	return m.Save(meta)
}

func (st *Store) createAnew(format string) error {
	if err := st.Discard(); err != nil {
		return fmt.Errorf("replacing the submodule's store: %w", err)
	}
	return st.create(format, st.opts.Filter)
}

// forgetOtherDepth sees to it that every commit of a submodule's store is
// fetched again when more or less history than before is asked for. The
// commits that trees have checked out are kept by their worktrees meanwhile.
func (st *Store) forgetOtherDepth() error {
	if st.Meta.Depth == st.opts.Depth {
		return nil
	}
	refs, err := disk.Glob(st.Dir(), moduleRef("*"))
	for _, name := range refs {
		err = errors.Join(err, disk.Remove(name))
	}
	if err != nil {
		return fmt.Errorf("preparing a change of --depth: %w", err)
	}
	return nil
}

// moduleRef protects a submodule's commit, and says that it was fetched whole,
// with the history that the store's marker tells.
func moduleRef(commit string) string { return "refs/git-sync/commits/" + commit }

// hasModule reports whether commit was fetched whole before.
func (st *Store) hasModule(ctx context.Context, g *git.Git, commit string) (bool, error) {
	if held, err := st.Ref(moduleRef(commit)); err != nil || held != commit {
		return false, err
	}
	return st.Has(ctx, g, commit)
}

// DropUnusedCommits removes the refs by which a submodule's store keeps commits
// that are checked out nowhere.
func (st *Store) DropUnusedCommits() error {
	used := map[string]bool{}
	heads, err := disk.Glob(st.Dir(), disk.Admins+"/*/HEAD")
	if err != nil {
		return err
	}
	for _, name := range heads {
		head, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("looking for submodules in use: %w", err)
		}
		used[strings.TrimSpace(string(head))] = true
	}
	refs, err := disk.Glob(st.Dir(), moduleRef("*"))
	for _, name := range refs {
		if !used[filepath.Base(name)] {
			err = errors.Join(err, disk.Remove(name))
		}
	}
	if err != nil {
		return fmt.Errorf("forgetting submodules' commits: %w", err)
	}
	return nil
}
