package worktree

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
)

// lfsProgram is run by git for files with the attribute filter=lfs, where it
// is installed; it fetches with the credentials of the sync.
const lfsProgram = "git-lfs"

// WithLFS returns g so that files kept by Git LFS are checked out as
// themselves, if git-lfs is installed: what `git lfs install` would configure.
func WithLFS(g *git.Git) (*git.Git, bool) {
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

// LFSState says what is in a tree in place of files that its attributes give to
// Git LFS. Such files are not decided by commit and recipe alone.
type LFSState string

// The values of LFSState.
const (
	LFSNone     LFSState = ""         // there are no such files
	LFSFiles    LFSState = "files"    // themselves
	LFSPointers LFSState = "pointers" // what the repository has for them: git-lfs was not installed
)

// LFSNow is what is put in place of such files now.
func (o *Options) LFSNow() LFSState {
	if o.LFS {
		return LFSFiles
	}
	return LFSPointers
}

// LFSAsNow reports whether nothing in a tree would be another if it were made
// now: git-lfs may have been installed or removed since. A tree without such
// files is the same either way.
func (o *Options) LFSAsNow(rec Record) bool { return rec.LFS == LFSNone || rec.LFS == o.LFSNow() }

// noteLFS notes in rec what w, which is checked out, has in place of files kept
// in Git LFS.
func (b Builder) noteLFS(w worktree, rec *Record) {
	uses, known := b.usesLFS(w)
	if uses || !known {
		rec.LFS, rec.LFSWhole = b.LFSNow(), !b.Configured(lfsSkips) && len(b.lfsVariables("GIT_LFS_SKIP_")) == 0 && !mentions(filepath.Join(w.dir, LFSConfig), lfsSkips)
	}
	rec.LFSUsed = rec.LFSUsed || uses
}

// usesLFS reports whether an attributes file of w's commit gives files to Git
// LFS. It is not known where attributes come from elsewhere too, or where such
// a file is not among those checked out.
func (b Builder) usesLFS(w worktree) (uses, known bool) {
	known = !disk.Exists(w.git.Path("info/attributes")) && !b.Configured("core.attributesfile")
	err := index.Each(w.index(), hashLength(w.commit), func(e index.Entry) error {
		if !bytes.HasSuffix(e.Path, []byte(index.AttributesFile)) || path.Base(string(e.Path)) != index.AttributesFile {
			return nil
		}
		data, err := os.ReadFile(filepath.Join(w.dir, string(e.Path)))
		uses, known = uses || bytes.Contains(data, []byte("filter=lfs")), known && err == nil
		return nil
	})
	return uses, known && err == nil
}

// LFSConfig is where a commit configures git-lfs (git-lfs-config(5)).
const LFSConfig = ".lfsconfig"

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
