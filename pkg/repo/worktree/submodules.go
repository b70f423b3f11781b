package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
)

// ModulesFile is where a tree names its submodules (gitmodules(5)).
const ModulesFile = ".gitmodules"

// maxModuleDepth bounds how deep submodules may nest, so that two
// repositories which contain each other end somewhere.
const maxModuleDepth = 16

// submoduleSpec is one section of .gitmodules, with the commit that the tree
// records for its path.
type submoduleSpec struct {
	name, path, url, commit string

	none bool // update = none: not to be checked out
	at   int  // where in the file; of two for one path the last counts
}

// submodules checks out w's submodules within it, each as a worktree of its
// own store, and notes them in rec.
func (b Builder) submodules(ctx context.Context, w worktree, rec *Record) error {
	if b.Submodules == SubmodulesOff || b.Submodules == "" {
		return nil
	}
	rec.Depth = b.Depth
	return b.descend(ctx, moduleParent{worktree: w, url: b.URL}, rec)
}

// moduleParent is a worktree that may have submodules.
type moduleParent struct {
	worktree
	url   string // of its repository
	path  string // below the tree
	depth int
}

func (b Builder) descend(ctx context.Context, p moduleParent, rec *Record) error {
	specs, err := b.moduleSpecs(ctx, p)
	if err != nil {
		return err
	}
	for _, spec := range specs {
		child, err := b.module(ctx, p, spec, rec)
		if err != nil {
			return fmt.Errorf("submodule %s: %w", path.Join(p.path, spec.path), err)
		}
		if b.Submodules == SubmodulesShallow {
			continue
		}
		if child.depth >= maxModuleDepth {
			return fmt.Errorf("submodule %s: nested more than %d deep", child.path, maxModuleDepth)
		}
		if err := b.descend(ctx, child, rec); err != nil {
			return err
		}
	}
	return nil
}

// moduleSpecs reads .gitmodules, and for the paths in it the commits that the
// index records. A path that is no submodule in the index is none, and one
// that a sparse checkout leaves out is left out.
func (b Builder) moduleSpecs(ctx context.Context, p moduleParent) ([]submoduleSpec, error) {
	read, err := b.modulesText(ctx, p)
	if read == nil || err != nil {
		return nil, err
	}
	res, err := b.Git.Run(ctx, p.in(read))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ModulesFile, err)
	}
	byPath := parseModules(res.Stdout)
	if len(byPath) == 0 {
		return nil, nil
	}
	list := p.in(git.Cmd("ls-files", "--stage", "-t", "-z"))
	list.Env("GIT_LITERAL_PATHSPECS=1").Arg("--")
	for at := range byPath {
		list.Operand(at)
	}
	res, err = b.Git.Run(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("listing submodules: %w", err)
	}
	return gitlinks(res.Stdout, byPath), nil
}

// modulesText returns the command that reads .gitmodules; nil when there is
// none. A sparse checkout may have left it out: then it is in the index, where
// git looks for it too.
func (b Builder) modulesText(ctx context.Context, p moduleParent) (*git.Command, error) {
	read := git.Cmd("config", "--null", "--no-includes", "--list")
	name := filepath.Join(p.dir, ModulesFile)
	info, err := os.Lstat(name)
	switch {
	case err == nil && info.Mode().IsRegular():
		return read.Opt("--file=", name), nil
	case err == nil:
		return nil, nil // as git does: a symlink is not read
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("looking for submodules: %w", err)
	case !p.sparse():
		b.warnOfGitlinks(p)
		return nil, nil
	}
	res, err := b.Git.Run(ctx, p.in(git.Cmd("ls-files", "--stage", "-z", "--")).Operand(ModulesFile))
	if err != nil {
		return nil, fmt.Errorf("looking for submodules: %w", err)
	}
	fields := strings.Fields(res.Stdout)
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "100") {
		return nil, nil
	}
	return read.Opt("--blob=", fields[1]), nil
}

// warnOfGitlinks says that submodules of which .gitmodules says nothing are left empty, as git leaves them.
func (b Builder) warnOfGitlinks(p moduleParent) {
	_ = index.Each(p.index(), hashLength(p.commit), func(e index.Entry) error { // unreadable: git has just written it
		if e.Mode == 0o160000 {
			b.Log.Info("a submodule has no entry in .gitmodules, and stays empty", "path", path.Join(p.path, string(e.Path)),
				"hint", "add it with 'git submodule add', or remove it with 'git rm'")
		}
		return nil
	})
}

// parseModules reads `git config -z --list`: "key\nvalue\0". The result is
// keyed by path; sections that lack a path or URL are left out, and so are
// paths that lead out of the tree or look like options, as git does it.
func parseModules(out string) map[string]submoduleSpec {
	byName := map[string]submoduleSpec{}
	for entry := range strings.SplitSeq(out, "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		rest, ok := strings.CutPrefix(key, "submodule.")
		if !ok {
			continue
		}
		dot := strings.LastIndexByte(rest, '.')
		if dot < 0 {
			continue
		}
		spec, known := byName[rest[:dot]]
		if !known {
			spec.name, spec.at = rest[:dot], len(byName)
		}
		switch rest[dot+1:] {
		case "path":
			spec.path = value
		case "url":
			spec.url = value
		case "update":
			spec.none = value == "none"
		}
		byName[spec.name] = spec
	}
	byPath := map[string]submoduleSpec{}
	for _, spec := range byName {
		if spec.url == "" || !filepath.IsLocal(spec.path) || strings.HasPrefix(spec.path, "-") {
			continue
		}
		if other, ok := byPath[spec.path]; !ok || other.at < spec.at {
			byPath[spec.path] = spec
		}
	}
	return byPath
}

// gitlinks picks the submodules, mode 160000, that are to be checked out from
// `git ls-files --stage -t -z`: "H 160000 <hash> 0\t<path>\0", with S for H
// where the patterns of a sparse checkout leave the path out.
func gitlinks(out string, byPath map[string]submoduleSpec) []submoduleSpec {
	var specs []submoduleSpec
	for entry := range strings.SplitSeq(out, "\x00") {
		meta, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) != 4 || fields[0] == "S" || fields[1] != "160000" {
			continue
		}
		spec, ok := byPath[name]
		if !ok || spec.none {
			continue
		}
		spec.commit = fields[2]
		specs = append(specs, spec)
	}
	return specs
}

// module checks one submodule out.
func (b Builder) module(ctx context.Context, p moduleParent, spec submoduleSpec, rec *Record) (moduleParent, error) {
	from, err := moduleURL(p.url, spec.url)
	if err != nil {
		return moduleParent{}, err
	}
	if err := noSymlinks(p.dir, spec.path); err != nil {
		return moduleParent{}, err
	}
	name := digest([]byte(from))[:16]
	if err := b.Obtain(ctx, name, from, spec.commit); err != nil {
		return moduleParent{}, err
	}
	at := path.Join(p.path, spec.path)
	admin := fmt.Sprintf("%s-%d", rec.ID, len(rec.Modules))
	rec.Modules = append(rec.Modules, Module{Path: at, Store: name, Admin: admin})
	inStore := path.Join(disk.GitName, disk.OwnName, disk.ModulesName, name, disk.Admins, admin)
	rel := path.Join(rec.Place, at)
	w := worktree{
		git: b.Store.ModuleDir(name), id: admin, commit: spec.commit, dir: filepath.Join(p.dir, spec.path),
		rel: fromModule(rel), link: disk.Gitlink(rel, inStore),
	}
	if err := w.create(); err != nil {
		return moduleParent{}, err
	}
	if err := b.populate(ctx, w, git.Cmd("read-tree", "--reset", "-u")); err != nil {
		return moduleParent{}, err
	}
	b.noteLFS(w, rec)
	return moduleParent{worktree: w, url: from, path: at, depth: p.depth + 1}, nil
}
