package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// Module returns the submodule store called name. All trees share it, so an unchanged submodule is not fetched again.
func (st *Store) Module(name string) *Store { return At(st.ModuleDir(name).Dir(), st.opts) }

// Modules returns the submodule stores.
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

// All returns the submodule stores and, last, the store itself.
func (st *Store) All() ([]*Store, error) {
	modules, err := st.Modules()
	return append(modules, st), err
}

// ObtainModule fetches commit from url into the submodule store called name, unless the store has it already.
func (st *Store) ObtainModule(ctx context.Context, g *git.Git, name, url, commit string) error {
	m := st.Module(name)
	m.url = url
	if m.Err != nil {
		return m.Err
	}
	format := formatOf(commit)
	if m.Usable() && m.Meta.Format == format {
		if err := errors.Join(m.complete(), m.forgetOtherDepths()); err != nil {
			return err
		}
		if has, err := m.hasModule(ctx, g, commit); has || err != nil {
			return err
		}
	} else if err := m.createAnew(format); err != nil {
		return err
	}
	return m.fetchOne(ctx, g, commit, m.moduleRef(commit), fetchOptions{untrusted: true})
}

func (st *Store) createAnew(format string) error {
	if err := st.Discard(); err != nil {
		return fmt.Errorf("replacing the submodule's store: %w", err)
	}
	return st.create(format, st.opts.Filter)
}

// moduleRefs is the prefix of the refs for submodule commits.
const moduleRefs = "refs/git-sync/commits/"

// moduleRef returns the ref that protects a submodule's commit. It also says that the commit was fetched completely,
// with the configured depth.
func (st *Store) moduleRef(commit string) string {
	return fmt.Sprintf("%s%d/%s", moduleRefs, st.opts.Depth, commit)
}

// forgetOtherDepths removes the refs that were fetched with another depth: all commits of a store share the shallow
// boundary, so they must be fetched again. Meanwhile, worktrees protect the commits that are checked out.
func (st *Store) forgetOtherDepths() error {
	present := func(dir string) bool { return filepath.Base(dir) == strconv.Itoa(st.opts.Depth) }
	if err := removeUnless(present, st.Dir(), moduleRefs+"*"); err != nil {
		return fmt.Errorf("preparing a change of --depth: %w", err)
	}
	return nil
}

// hasModule reports whether commit was fetched completely, with the configured depth.
func (st *Store) hasModule(ctx context.Context, g *git.Git, commit string) (bool, error) {
	if held, err := st.ref(st.moduleRef(commit)); err != nil || held != commit {
		return false, err
	}
	return st.Has(ctx, g, commit)
}

// DropUnusedCommits removes the refs of submodule commits that are not checked out anywhere.
func (st *Store) DropUnusedCommits() error {
	_, tips, err := st.toKeep()
	if err != nil {
		return fmt.Errorf("listing submodules in use: %w", err)
	}
	checkedOut := func(ref string) bool { return tips[filepath.Base(ref)] }
	if err := removeUnless(checkedOut, st.Dir(), moduleRefs+"*/*"); err != nil {
		return fmt.Errorf("forgetting submodules' commits: %w", err)
	}
	return nil
}
