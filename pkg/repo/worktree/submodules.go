package worktree

import (
	"context"
	"encoding/hex"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
)

// ModulesFile is the file in which a tree describes its submodules (gitmodules(5)).
const ModulesFile = ".gitmodules"

// maxModuleDepth limits how deep submodules may nest, because two repositories may contain each other.
const maxModuleDepth = 16

// submoduleSpec is one section of .gitmodules, with the commit from the index.
type submoduleSpec struct {
	name, path, url, commit string

	none bool // update = none: do not check it out
	at   int  // its position in the file; the last section for a path counts
}

// submodules checks out the submodules of w, each as a worktree of its own store, and adds them to rec.
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
	path  string // relative to the tree
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

// moduleSpecs returns the submodules in the index, as .gitmodules describes them. It reads that file from the index
// too, because a sparse checkout may omit the file. It leaves out submodules that are not in the file, and those that
// a sparse checkout omits.
func (b Builder) moduleSpecs(ctx context.Context, p moduleParent) ([]submoduleSpec, error) {
	var specs []submoduleSpec
	file := ""
	err := index.Each(p.index(), hashLength(p.commit), func(e index.Entry) error {
		switch name := string(e.Path); {
		case e.Mode == gitlinkMode && e.Plain:
			specs = append(specs, submoduleSpec{path: name, commit: hex.EncodeToString(e.Object)})
		case name == ModulesFile && e.Mode != linkMode: // like git, do not read a symlink
			file = hex.EncodeToString(e.Object)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing submodules: %w", err)
	}
	if len(specs) == 0 {
		return nil, nil
	}
	byPath := map[string]submoduleSpec{}
	if file != "" {
		res, err := b.Git.Run(ctx, p.in(git.Cmd("config", "--null", "--no-includes", "--list").Opt("--blob=", file)))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", ModulesFile, err)
		}
		byPath = parseModules(res.Stdout)
	}
	return b.describe(p, specs, byPath), nil
}

// describe completes specs from .gitmodules. It leaves out submodules that the file does not describe: their
// directories stay empty, as with git.
func (b Builder) describe(p moduleParent, specs []submoduleSpec, byPath map[string]submoduleSpec) []submoduleSpec {
	var known []submoduleSpec
	for _, spec := range specs {
		described, ok := byPath[spec.path]
		if !ok {
			b.Log.Error(nil, "submodule has no entry in .gitmodules", "path", path.Join(p.path, spec.path),
				"hint", "add it with 'git submodule add', or remove it with 'git rm'")
			continue
		}
		if !described.none {
			described.commit = spec.commit
			known = append(known, described)
		}
	}
	return known
}

// The modes of submodules and of symbolic links in an index.
const (
	gitlinkMode = 0o160000
	linkMode    = 0o120000
)

// parseModules parses `git config -z --list`: "key\nvalue\0". The result is keyed by path. Like git, it leaves out
// sections without a path or URL, and paths that lead out of the tree or look like options.
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
