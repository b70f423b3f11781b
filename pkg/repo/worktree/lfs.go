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

// lfsProgram is run by git for files with the attribute filter=lfs, if it is installed. It fetches with the
// credentials of the sync.
const lfsProgram = "git-lfs"

// WithLFS returns g configured as by `git lfs install`, and true if git-lfs is installed. Then files in Git LFS are
// checked out with their content.
func WithLFS(g *git.Git) (*git.Git, bool) {
	if !g.Installed(lfsProgram) {
		return g, false
	}
	return g.With(git.Overlay{Config: []git.KV{
		{Key: "filter.lfs.process", Value: "git-lfs filter-process"},
		{Key: "filter.lfs.smudge", Value: "git-lfs smudge -- %f"},
		{Key: "filter.lfs.clean", Value: "git-lfs clean -- %f"},
		{Key: "filter.lfs.required", Value: "true"},
		// Locks matter only for a push.
		{Key: "lfs.locksverify", Value: "false"},
	}}), true
}

// LFSState says what a tree contains for files that its attributes assign to Git LFS. The commit and the recipe alone
// do not determine these files.
type LFSState string

// The values of LFSState.
const (
	LFSNone     LFSState = ""         // there are no such files
	LFSFiles    LFSState = "files"    // their content
	LFSPointers LFSState = "pointers" // their pointers: git-lfs was not installed
)

// LFSNow returns the state of trees that are made now.
func (o *Options) LFSNow() LFSState {
	if o.LFS {
		return LFSFiles
	}
	return LFSPointers
}

// LFSUnchanged reports whether the LFS files of a tree would be the same if it were made now: git-lfs may have been
// installed or removed since. It is true for a tree without such files.
func (o *Options) LFSUnchanged(rec Record) bool { return rec.LFS == LFSNone || rec.LFS == o.LFSNow() }

// noteLFS records in rec the LFS state of w, which is checked out.
func (b Builder) noteLFS(w worktree, rec *Record) {
	uses, known := b.usesLFS(w)
	if uses || !known {
		rec.LFS, rec.LFSWhole = b.LFSNow(), !b.Configured(lfsSkips) && len(b.lfsVariables("GIT_LFS_SKIP_")) == 0 && !mentions(filepath.Join(w.dir, LFSConfig), lfsSkips)
	}
	rec.LFSUsed = rec.LFSUsed || uses
}

// usesLFS reports whether an attributes file of w's commit assigns files to Git LFS. That is not known if attributes
// also come from elsewhere, or if such a file is not checked out.
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

// LFSConfig is the file in which a commit configures git-lfs (git-lfs-config(5)).
const LFSConfig = ".lfsconfig"

// lfsSkips is the setting that makes git-lfs leave the pointer of a file that it cannot download.
const lfsSkips = "lfs.skipdownloaderrors"

// mentions reports whether a configuration file may contain the setting called key. An absent file does not; an
// unreadable one may.
func mentions(name, key string) bool {
	data, err := os.ReadFile(name)
	_, key, _ = strings.Cut(key, ".")
	return err != nil && !errors.Is(err, fs.ErrNotExist) || bytes.Contains(bytes.ToLower(data), []byte(key))
}
