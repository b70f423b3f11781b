package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
)

// Builder makes one tree.
type Builder struct {
	*Options
	Git   *git.Git    // with the sync's credentials
	Store disk.GitDir // where the commit's objects are
	Dir   string      // where the tree is made; on the file system of its place
	// Obtain sees to it that the submodules' store called name has a commit.
	Obtain func(ctx context.Context, name, url, commit string) error
}

// Build makes the tree of rec in full, and completes rec. On failure nothing of it
// is left.
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
		b.Log.Info("the patterns of --sparse-checkout-file match no file: the published tree is empty", "hash", rec.Hash,
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

// Rebuild makes the tree of rec from another plain one, which is at b.Dir, with its
// index in rec's admin directory. It writes what differs and looks at nothing else
// where the tree is pristine, as proved by package recycle; then made says what was
// noted of Git LFS. Otherwise check is called when git has written.
func (b Builder) Rebuild(ctx context.Context, rec *Record, pristine *Record, check func() error) error {
	w := b.worktree(*rec)
	err := w.create()
	how := git.Cmd("read-tree", "--reset", "-u")
	if pristine != nil {
		how = git.Cmd("read-tree", "-m", "-u") // without looking at files that stay
	}
	if err == nil && pristine == nil {
		// Before git writes: of what is not of the index, an attributes file would decide how the files beside it are
		// written, and a link in place of a directory lead elsewhere.
		_, err = b.Git.Run(ctx, w.in(git.Cmd("clean", "-ffdxq")))
	}
	if err == nil {
		err = b.populate(ctx, w, how)
	}
	if err == nil && pristine == nil {
		err = check()
	}
	if err == nil {
		b.Keep(rec)
		if pristine != nil {
			// A commit that changes attributes is not made from another.
			rec.LFS, rec.LFSWhole = pristine.LFS, pristine.LFSWhole
		} else {
			b.noteLFS(w, rec)
		}
		err = save(b.Store, *rec)
	}
	if err != nil {
		return errors.Join(err, b.Abandon(*rec))
	}
	return nil
}

// Abandon takes what there is of an unfinished tree out of the way; its files,
// which may be many, are the background's to remove.
func (b Builder) Abandon(rec Record) error {
	errs := []error{b.Trash.Discard(b.Dir), os.RemoveAll(b.Store.Admin(rec.ID))}
	for _, m := range rec.Modules {
		errs = append(errs, os.RemoveAll(b.Store.ModuleDir(m.Store).Admin(m.Admin)))
	}
	return errors.Join(errs...)
}

// worktree is one checkout of one store: the main repository's, or a
// submodule's within it.
type worktree struct {
	git    disk.GitDir
	id     string // admin directory
	dir    string // where the files are while it is made
	rel    string // where they will be, below the root
	link   string // content of its .git file
	commit string
}

func (b Builder) worktree(rec Record) worktree {
	return worktree{
		git: b.Store, id: rec.ID, dir: b.Dir, rel: rec.Place, commit: rec.Hash,
		link: disk.Gitlink(rec.Place, disk.GitName+"/"+disk.Admins+"/"+rec.ID),
	}
}

// create makes the worktree's directory with its .git file, and its admin
// directory, as gitrepository-layout(5) describes them: what `git worktree
// add` would do, without a process, with relative paths, and locked so that
// no `git worktree prune` or `git gc` of a consumer takes it away.
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
		// Plain writes: all of it counts only once the record is there.
		if err := w.git.Write(name, []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

func (w worktree) admin() string { return w.git.Admin(w.id) }

// index is the file of that name in the admin directory.
func (w worktree) index() string { return filepath.Join(w.admin(), "index") }

// hashLength is how long the object names in the index are, in bytes.
func hashLength(commit string) int { return len(commit) / 2 }

// backPointer is the content of an admin directory's gitdir file: from
// <root>/.git/worktrees/<id> up to the root, and down again to rel.
func backPointer(rel string) string { return "../../../" + rel + "/" + disk.GitName + "\n" }

// fromModule is rel, a path below the root, as a submodule's store has it,
// which is three directories further down than the root's.
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

// in makes c work on w's files.
func (w worktree) in(c *git.Command) *git.Command { return c.GitDir(w.admin()).WorkTree(w.dir) }

// sparseConfig makes git obey the patterns of writeSparse, as plain patterns.
func sparseConfig() []git.KV {
	return []git.KV{{Key: "core.sparseCheckout", Value: "true"}, {Key: "core.sparseCheckoutCone", Value: "false"}}
}

// populate lets git write the commit's files: one process.
func (b Builder) populate(ctx context.Context, w worktree, c *git.Command) error {
	c = w.in(c.Config(git.KV{Key: "checkout.workers", Value: strconv.Itoa(workers())},
		git.KV{Key: "checkout.thresholdForParallelism", Value: strconv.Itoa(minParallel)}))
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

// minParallel is the number of files from which on workers are worth starting:
// at 100 files, git's own default, they double the CPU of the checkout.
const minParallel = 1000

// workers is how many processes git checks out with. Twice the cores: they
// wait for the disk half of the time (docs/performance.md).
func workers() int { return min(2*runtime.NumCPU(), 8) }

// KeptIndex is a second name of the index as git wrote it when the tree was made:
// git replaces an index by rename, so this one keeps its content whatever git
// commands a consumer runs in the tree.
const KeptIndex = "git-sync.index"

// Keep notes what a later recycling of the tree needs.
func (b Builder) Keep(rec *Record) {
	w := b.worktree(*rec)
	info, err := os.Lstat(w.dir)
	// Where the file system has no hard links, nothing is recycled.
	if err != nil || index.Count(w.index()) < b.MinKept || os.Link(w.index(), filepath.Join(w.admin(), KeptIndex)) != nil {
		return
	}
	rec.Plain = !w.sparse() && !disk.Exists(filepath.Join(w.dir, ModulesFile))
	rec.DirMode = info.Mode()
}

// setPermissions gives files and directories the modes asked for.
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
			// What can be read can be entered: r gives x.
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
