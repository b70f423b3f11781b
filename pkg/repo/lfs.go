package repo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"git-sync/pkg/git"
)

// lfsProgram is run by git for files with the attribute filter=lfs, where it
// is installed; it fetches with the credentials of the sync.
const lfsProgram = "git-lfs"

// lfsDir is where git-lfs keeps what it fetched, in a store.
const lfsDir = "lfs"

// withLFS returns g so that files kept by Git LFS are checked out as
// themselves, if git-lfs is installed: what `git lfs install` would configure.
func withLFS(g *git.Git) (*git.Git, bool) {
	if !g.Installed(lfsProgram) {
		return g, false
	}
	return g.With(git.Overlay{Config: []git.KV{
		{Key: "filter.lfs.process", Value: "git-lfs filter-process"},
		{Key: "filter.lfs.smudge", Value: "git-lfs smudge -- %f"},
		{Key: "filter.lfs.clean", Value: "git-lfs clean -- %f"},
		{Key: "filter.lfs.required", Value: "true"},
		// Its locks are for those who push.
		{Key: "lfs.locksverify", Value: "false"},
	}}), true
}

// warnOfPointers says once that a tree holds pointers instead of files.
func (r *Repo) warnOfPointers(dir string) {
	if r.hasLFS || r.warned {
		return
	}
	attributes, err := os.ReadFile(filepath.Join(dir, ".gitattributes"))
	if err != nil || !bytes.Contains(attributes, []byte("filter=lfs")) {
		return
	}
	r.warned = true
	r.log.Info("the repository keeps files in Git LFS, but git-lfs is not installed: their pointers are published instead",
		"hint", "use the image with git-lfs, or install git-lfs beside git")
}

// dropLFS removes what git-lfs has fetched: it is in the tree, and would take
// the same room again with every version.
func (r *Repo) dropLFS() error {
	stores, err := r.moduleStores()
	for _, st := range append(stores, r.store) {
		err = errors.Join(err, r.discard(st.path(lfsDir)))
	}
	return err
}

// dropLFSLogs removes what git-lfs writes when it fails: the environment, in
// which secrets may be, for everybody to read.
func (st store) dropLFSLogs() error {
	if err := os.RemoveAll(filepath.Join(st.path(lfsDir), "logs")); err != nil {
		return fmt.Errorf("removing logs of git-lfs: %w", err)
	}
	return nil
}
