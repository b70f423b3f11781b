package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
)

// modulesFile is where a tree names its submodules (gitmodules(5)).
const modulesFile = ".gitmodules"

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

// moduleStore returns the store called name below the root's store st. All
// trees share it: a submodule that did not change is not fetched again.
func (r *Repo) moduleStore(st store, name string) store {
	m := store{dir: st.own("modules/" + name), shared: st.shared}
	m.load()
	return m
}

// submodules checks out w's submodules within it, each as a worktree of its
// own store, and notes them in rec.
func (b builder) submodules(ctx context.Context, w worktree, rec *record) error {
	if b.opts.Submodules == SubmodulesOff || b.opts.Submodules == "" {
		return nil
	}
	rec.Depth = b.opts.Depth
	return b.descend(ctx, moduleParent{worktree: w, url: b.opts.URL}, rec)
}

// reaches reports whether the tree's submodules have as much history as is
// asked for. The history of the tree's own commit is its store's, which all
// trees share.
func (rec record) reaches(depth int) bool { return len(rec.Modules) == 0 || rec.Depth == depth }

// moduleParent is a worktree that may have submodules.
type moduleParent struct {
	worktree
	url   string // of its repository
	path  string // below the tree
	depth int
}

func (b builder) descend(ctx context.Context, p moduleParent, rec *record) error {
	specs, err := b.moduleSpecs(ctx, p)
	if err != nil {
		return err
	}
	for _, spec := range specs {
		child, err := b.module(ctx, p, spec, rec)
		if err != nil {
			return fmt.Errorf("submodule %s: %w", path.Join(p.path, spec.path), err)
		}
		if b.opts.Submodules == SubmodulesShallow {
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
func (b builder) moduleSpecs(ctx context.Context, p moduleParent) ([]submoduleSpec, error) {
	read, err := b.modulesText(ctx, p)
	if read == nil || err != nil {
		return nil, err
	}
	res, err := b.git.Run(ctx, p.in(read))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", modulesFile, err)
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
	res, err = b.git.Run(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("listing submodules: %w", err)
	}
	return gitlinks(res.Stdout, byPath), nil
}

// modulesText returns the command that reads .gitmodules; nil when there is
// none. A sparse checkout may have left it out: then it is in the index, where
// git looks for it too.
func (b builder) modulesText(ctx context.Context, p moduleParent) (*git.Command, error) {
	read := git.Cmd("config", "--null", "--no-includes", "--list")
	name := filepath.Join(p.dir, modulesFile)
	info, err := os.Lstat(name)
	switch {
	case err == nil && info.Mode().IsRegular():
		return read.Opt("--file=", name), nil
	case err == nil:
		return nil, nil // as git does: a symlink is not read
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("looking for submodules: %w", err)
	case !exists(p.sparseFile()):
		return nil, nil
	}
	res, err := b.git.Run(ctx, p.in(git.Cmd("ls-files", "--stage", "-z", "--")).Operand(modulesFile))
	if err != nil {
		return nil, fmt.Errorf("looking for submodules: %w", err)
	}
	fields := strings.Fields(res.Stdout)
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "100") {
		return nil, nil
	}
	return read.Opt("--blob=", fields[1]), nil
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
func (b builder) module(ctx context.Context, p moduleParent, spec submoduleSpec, rec *record) (moduleParent, error) {
	from, err := moduleURL(p.url, spec.url)
	if err != nil {
		return moduleParent{}, err
	}
	if err := noSymlinks(p.dir, spec.path); err != nil {
		return moduleParent{}, err
	}
	name := digest([]byte(from))[:16]
	st := b.moduleStore(b.st, name)
	st.url = from
	if err := b.obtainModule(ctx, &st, spec); err != nil {
		return moduleParent{}, err
	}
	at := path.Join(p.path, spec.path)
	admin := fmt.Sprintf("%s-%d", rec.id, len(rec.Modules))
	rec.Modules = append(rec.Modules, module{Path: at, Store: name, Admin: admin})
	inStore := gitDirName + "/" + ownDirName + "/modules/" + name + "/" + adminDirName + "/" + admin
	rel := path.Join(rec.Place, at)
	w := worktree{
		st: st, id: admin, commit: spec.commit, dir: filepath.Join(p.dir, spec.path),
		rel:  fromModule(rel),
		link: gitlink(rel, inStore),
	}
	if err := w.create(); err != nil {
		return moduleParent{}, err
	}
	if err := b.populate(ctx, w); err != nil {
		return moduleParent{}, err
	}
	b.noteLFS(w, w.list(), rec)
	return moduleParent{worktree: w, url: from, path: at, depth: p.depth + 1}, nil
}

// obtainModule sees to it that st has the submodule's commit.
func (b builder) obtainModule(ctx context.Context, st *store, spec submoduleSpec) error {
	if st.err != nil {
		return st.err
	}
	format := formatOf(spec.commit)
	if st.usable() && st.meta.Format == format {
		if err := errors.Join(st.configure(), b.forgetOtherDepth(*st)); err != nil {
			return err
		}
		if has, err := b.hasModule(ctx, *st, spec.commit); has || err != nil {
			return err
		}
	} else if err := b.createModule(st, format); err != nil {
		return err
	}
	if err := b.fetchModule(ctx, st, spec); err != nil {
		return err
	}
	meta := st.meta
	meta.Depth = b.opts.Depth
	if meta == st.meta {
		return nil
	}
	return st.save(meta)
}

// fetchModule brings the submodule's commit into st.
func (b builder) fetchModule(ctx context.Context, st *store, spec submoduleSpec) error {
	f := fetchOptions{depth: b.opts.Depth, refspecs: []string{"+" + spec.commit + ":" + moduleRef(spec.commit)}, untrusted: true}
	err := b.fetch(ctx, st, f)
	if err == nil || !canFetchAll(err) {
		return err
	}
	// The server hands out no commits by hash: take all, and look.
	f.depth, f.refspecs, f.prune = 0, []string{"+refs/*:refs/git-sync/all/*"}, true
	if err := b.fetch(ctx, st, f); err != nil {
		return err
	}
	has, err := b.hasCommit(ctx, *st, spec.commit)
	if err == nil && !has {
		err = fmt.Errorf("%s does not have the commit %s that the tree records", spec.url, spec.commit)
	}
	if err != nil {
		return err
	}
	_, err = b.git.Run(ctx, git.Cmd("update-ref").GitDir(st.dir).Operand(moduleRef(spec.commit), spec.commit))
	return err
}

func (b builder) createModule(st *store, format string) error {
	if err := b.discard(st.dir); err != nil {
		return fmt.Errorf("replacing the submodule's store: %w", err)
	}
	return st.create(format, b.opts.Filter)
}

// forgetOtherDepth sees to it that every commit of a submodule's store is
// fetched again when more or less history than before is asked for. The
// commits that trees have checked out are kept by their worktrees meanwhile.
func (b builder) forgetOtherDepth(st store) error {
	if st.meta.Depth == b.opts.Depth {
		return nil
	}
	refs, err := glob(st.dir, moduleRef("*"))
	for _, name := range refs {
		err = errors.Join(err, remove(name))
	}
	if err != nil {
		return fmt.Errorf("preparing a change of --depth: %w", err)
	}
	return nil
}

// moduleRef protects a submodule's commit, and says that it was fetched whole,
// with the history that the store's marker tells.
func moduleRef(commit string) string { return "refs/git-sync/commits/" + commit }

// hasModule reports whether commit was fetched whole into st before.
func (b builder) hasModule(ctx context.Context, st store, commit string) (bool, error) {
	if held, err := st.ref(moduleRef(commit)); err != nil || held != commit {
		return false, err
	}
	return b.hasCommit(ctx, st, commit)
}

// noSymlinks refuses a submodule path that leads through a symlink, and so
// perhaps out of the tree.
func noSymlinks(dir, rel string) error {
	at := dir
	for part := range strings.SplitSeq(filepath.FromSlash(rel), string(filepath.Separator)) {
		at = filepath.Join(at, part)
		if info, err := os.Lstat(at); err == nil && !info.IsDir() {
			return fmt.Errorf("path %s leads through something that is not a directory", rel)
		}
	}
	return nil
}

// moduleURL resolves a submodule's URL, which may be relative to that of the
// repository it is in ("../other.git"), and refuses what git must not see.
func moduleURL(parent, sub string) (string, error) {
	if !strings.HasPrefix(sub, "./") && !strings.HasPrefix(sub, "../") {
		return sub, git.CheckURL(sub)
	}
	base, prefix := strings.TrimSuffix(parent, "/"), ""
	if u, err := url.Parse(base); err == nil && u.Scheme != "" && strings.Contains(base, "://") {
		base = u.EscapedPath()
		prefix = u.Scheme + "://" // url.URL leaves the slashes out where there is no host, and "file:" is a host to git
		if u.Host != "" {
			prefix = (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}).String()
		}
	} else if host, rest, ok := strings.Cut(base, ":"); ok && !strings.Contains(host, "/") {
		prefix, base = host+":", rest // scp-like: user@host:path
	}
	for {
		switch {
		case strings.HasPrefix(sub, "./"):
			sub = sub[2:]
			continue
		case strings.HasPrefix(sub, "../"):
			sub = sub[3:]
			if base == "" || base == "/" {
				return "", fmt.Errorf("its URL %q leads above %s", sub, parent)
			}
			cut := strings.LastIndexByte(base, '/')
			base = base[:max(cut, 0)]
			continue
		}
		break
	}
	sep := "/"
	if base == "" && strings.HasSuffix(prefix, ":") {
		sep = ""
	}
	full := prefix + base + sep + sub
	return full, git.CheckURL(full)
}
