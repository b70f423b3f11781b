package worktree

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
	"git-sync/pkg/repo/internal/index"
)

// Builder makes one tree.
type Builder struct {
	*Options
	Git   *git.Git    // with the credentials of the sync
	Store disk.GitDir // the store with the commit's objects
	Dir   string      // where the tree is made; on the same file system as its final place
	// Obtain fetches a commit into the submodule store called name, if it is missing there.
	Obtain func(ctx context.Context, name, url, commit string) error
}

// Build makes the tree of rec in full, and completes rec. On failure, it leaves nothing behind.
func (b Builder) Build(ctx context.Context, rec *Record, patterns []byte) error {
	w := b.worktree(*rec)
	err := w.create()
	if err == nil {
		err = w.writeSparse(patterns)
	}
	if err == nil {
		err = b.populate(ctx, w, git.Cmd("read-tree", "--reset", "-u"))
	}
	if entries, _ := os.ReadDir(b.Dir); err == nil && patterns != nil && len(entries) == 1 {
		b.Log.Error(nil, "sparse checkout matches no file", "hash", rec.Hash,
			"hint", "write them as in .gitignore: /docs/ takes the directory docs at the top")
	}
	if err == nil {
		b.Keep(rec)
		b.noteLFS(w, rec)
		err = b.submodules(ctx, w, rec)
	}
	if err == nil {
		err = setPermissions(b.Dir, rec.Recipe.Permissions)
	}
	if err == nil {
		err = save(b.Store, *rec)
	}
	if err != nil {
		return errors.Join(err, b.Abandon(*rec))
	}
	return nil
}

// Rebuild makes the tree of rec from that of the record old, which is at b.Dir, with its index in rec's admin directory. It
// writes the differences between the commits and reads nothing else. The caller has proved that the tree is pristine.
func (b Builder) Rebuild(ctx context.Context, rec *Record, old Record) error {
	w := b.worktree(*rec)
	err := w.create()
	if err == nil {
		err = b.populate(ctx, w, git.Cmd("read-tree", "-m", "-u"))
	}
	if err == nil {
		b.Keep(rec)
		rec.LFS, rec.LFSWhole = old.LFS, old.LFSWhole // still valid: a commit that changes attributes is built in full
		err = save(b.Store, *rec)
	}
	if err != nil {
		return errors.Join(err, b.Abandon(*rec))
	}
	return nil
}

// Abandon moves an unfinished tree to the trash, and removes its admin directories. It does not block while many
// files are removed.
func (b Builder) Abandon(rec Record) error {
	errs := []error{b.Trash.Discard(b.Dir), os.RemoveAll(b.Store.Admin(rec.ID))}
	for _, m := range rec.Modules {
		errs = append(errs, os.RemoveAll(b.Store.ModuleDir(m.Store).Admin(m.Admin)))
	}
	return errors.Join(errs...)
}

// worktree is one checkout of one store: that of the main repository, or that of a submodule within it.
type worktree struct {
	git    disk.GitDir
	id     string // admin directory
	dir    string // where its files are during the build
	rel    string // where they will be, relative to the root
	link   string // content of its .git file
	commit string
}

func (b Builder) worktree(rec Record) worktree {
	return worktree{
		git: b.Store, id: rec.ID, dir: b.Dir, rel: rec.Place, commit: rec.Hash,
		link: disk.Gitlink(rec.Place, disk.GitName+"/"+disk.Admins+"/"+rec.ID),
	}
}

// create makes the worktree's directory with its .git file, and its admin directory, as described in
// gitrepository-layout(5). This is what `git worktree add` does, but without a process and with relative paths. The
// worktree is locked, so that no `git worktree prune` or `git gc` of a consumer removes it.
func (w worktree) create() error {
	if err := errors.Join(w.git.MkdirAll(w.dir), w.git.MkdirAll(w.admin())); err != nil {
		return err
	}
	for name, content := range map[string]string{
		filepath.Join(w.dir, disk.GitName):    w.link,
		filepath.Join(w.admin(), "HEAD"):      w.commit + "\n",
		filepath.Join(w.admin(), "commondir"): "../..\n",
		filepath.Join(w.admin(), "gitdir"):    backPointer(w.rel),
		filepath.Join(w.admin(), "locked"):    "in use by git-sync\n",
	} {
		// No flush: the worktree counts only once its record exists.
		if err := w.git.Write(name, []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

func (w worktree) admin() string { return w.git.Admin(w.id) }

// index returns the path of the index in the admin directory.
func (w worktree) index() string { return filepath.Join(w.admin(), "index") }

// hashLength returns the length of the object names in the index, in bytes.
func hashLength(commit string) int { return len(commit) / 2 }

// backPointer returns the content of an admin directory's gitdir file: from <root>/.git/worktrees/<id> up to the
// root, then down to rel.
func backPointer(rel string) string { return "../../../" + rel + "/" + disk.GitName + "\n" }

// fromModule returns rel, a path relative to the root, as seen from a submodule's store, which is three directories
// deeper than the root's.
func fromModule(rel string) string { return "../../../" + rel }

func (w worktree) writeSparse(patterns []byte) error {
	if patterns == nil {
		return nil
	}
	if err := w.git.MkdirAll(filepath.Dir(w.sparseFile())); err != nil {
		return err
	}
	return w.git.Write(w.sparseFile(), patterns)
}

func (w worktree) sparseFile() string { return filepath.Join(w.admin(), "info", "sparse-checkout") }

func (w worktree) sparse() bool { return disk.Exists(w.sparseFile()) }

// in makes c work on the files of w.
func (w worktree) in(c *git.Command) *git.Command { return c.GitDir(w.admin()).WorkTree(w.dir) }

// sparseConfig makes git use the patterns of writeSparse, as non-cone patterns.
func sparseConfig() []git.KV {
	return []git.KV{{Key: "core.sparseCheckout", Value: "true"}, {Key: "core.sparseCheckoutCone", Value: "false"}}
}

// populate makes git write the commit's files, with one process.
func (b Builder) populate(ctx context.Context, w worktree, c *git.Command) error {
	c = w.in(c.Config(git.KV{Key: "checkout.workers", Value: strconv.Itoa(workers(memoryLimit("/proc/self/cgroup", "/sys/fs/cgroup")))},
		git.KV{Key: "checkout.thresholdForParallelism", Value: strconv.Itoa(minParallel)},
		git.KV{Key: "core.splitIndex", Value: "false"}).Env("GIT_INDEX_VERSION=2")) // package index reads no other format
	if w.sparse() {
		c.Config(sparseConfig()...)
	}
	if b.Progress != nil {
		c.Arg("-v").Progress(b.Progress)
	}
	if _, err := b.Git.Run(ctx, c.Operand(w.commit)); err != nil {
		return errors.Join(err, w.git.RemoveLFSLogs())
	}
	return nil
}

// minParallel is the number of files from which it is worth starting workers. At 100 files, git's default, they
// double the CPU of the checkout.
const minParallel = 1000

// KeptIndex is a hard link to the index that git wrote when the tree was made. git replaces an index by rename, so
// this one keeps its content even if a consumer runs git commands in the tree.
const KeptIndex = "git-sync.index"

// Keep saves what is needed to recycle the tree later.
func (b Builder) Keep(rec *Record) {
	w := b.worktree(*rec)
	info, err := os.Lstat(w.dir)
	// On a file system without hard links, nothing is recycled.
	if err != nil || index.Count(w.index()) < b.MinKept || os.Link(w.index(), filepath.Join(w.admin(), KeptIndex)) != nil {
		return
	}
	rec.Plain = !w.sparse() && !disk.Exists(filepath.Join(w.dir, ModulesFile))
	rec.DirMode = info.Mode()
}

// setPermissions sets the configured modes of files and directories.
func setPermissions(dir string, mode fs.FileMode) error {
	if mode == 0 {
		return nil
	}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == disk.GitName && name != dir && d.IsDir():
			return fs.SkipDir
		case d.Name() == disk.GitName && name != dir:
			return nil
		case d.Type().IsRegular():
			return os.Chmod(name, mode)
		case d.IsDir():
			// A directory that is readable must be searchable: r implies x.
			return os.Chmod(name, mode|mode&0o444>>2|0o300)
		default:
			return nil
		}
	})
	if err != nil {
		return fmt.Errorf("changing permissions: %w", err)
	}
	return nil
}
