package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

// lfsState says what is in a tree in place of files that its attributes give to
// Git LFS. Such files are not decided by commit and recipe alone.
type lfsState string

const (
	lfsNone     lfsState = ""         // there are no such files
	lfsFiles    lfsState = "files"    // themselves
	lfsPointers lfsState = "pointers" // what the repository has for them: git-lfs was not installed
)

// lfsNow is what is put in place of such files now.
func (r *Repo) lfsNow() lfsState {
	if r.hasLFS {
		return lfsFiles
	}
	return lfsPointers
}

// lfsAsNow reports whether nothing in a tree would be another if it were made
// now: git-lfs may have been installed or removed since. A tree without such
// files is the same either way.
func (r *Repo) lfsAsNow(rec record) bool { return rec.LFS == lfsNone || rec.LFS == r.lfsNow() }

// noteLFS notes in rec what w, which is checked out, has in place of files kept
// in Git LFS, and says once when that is pointers.
func (b builder) noteLFS(w worktree, n names, rec *record) {
	uses, known := b.usesLFS(w, n)
	if uses || !known {
		rec.LFS, rec.lfsWhole = b.lfsNow(), !b.configured(lfsSkips) && !mentions(filepath.Join(w.dir, lfsConfig), lfsSkips)
	}
	if !uses || b.hasLFS || b.warned {
		return
	}
	b.warned = true
	b.log.Info("the repository keeps files in Git LFS, but git-lfs is not installed: their pointers are published instead",
		"hint", "use the image with git-lfs, or install git-lfs beside git")
}

// usesLFS reports whether an attributes file of w's commit gives files to Git
// LFS. It is not known where attributes come from elsewhere too, or where such
// a file is not among those checked out.
func (b builder) usesLFS(w worktree, n names) (uses, known bool) {
	known = !exists(w.st.path("info/attributes")) && !b.configured("core.attributesfile")
	for _, name := range n.attributes {
		data, err := os.ReadFile(filepath.Join(w.dir, name))
		uses, known = uses || bytes.Contains(data, []byte("filter=lfs")), known && err == nil
	}
	return uses, known && n.whole
}

// attributesFile is where a commit says how its files are filtered
// (gitattributes(5)).
const attributesFile = ".gitattributes"

// lfsConfig is where a commit configures git-lfs (git-lfs-config(5)).
const lfsConfig = ".lfsconfig"

// unfitLFS says why a tree with files of Git LFS must not be recycled, "" when
// it may: the files that are left alone have to be what they would be now.
func (s session) unfitLFS(b base) string {
	switch {
	case b.rec.LFS == lfsNone:
		return ""
	case b.rec.LFS != s.lfsNow():
		return "git-lfs was installed or removed"
	case b.rec.LFS == lfsPointers:
		return ""
	case !b.rec.lfsWhole:
		return "git-lfs may have left pointers"
	}
	return ""
}

// lfsSkips is the setting with which git-lfs leaves the pointer of a file that
// it cannot download.
const lfsSkips = "lfs.skipdownloaderrors"

// mentions reports whether a file of configuration, which need not be there,
// may have the setting called key.
func mentions(name, key string) bool {
	data, err := os.ReadFile(name)
	_, key, _ = strings.Cut(key, ".")
	return err != nil && !errors.Is(err, fs.ErrNotExist) || bytes.Contains(bytes.ToLower(data), []byte(key))
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
