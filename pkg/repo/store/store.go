package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-logr/logr"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

const (
	// headRef is what was fetched last, whole.
	headRef = "refs/git-sync/head"
	// publishedRef is what was published last, as far as that is written.
	publishedRef = "refs/git-sync/published"
)

// Meta is the content of a store's marker.
type Meta struct {
	Version int    `json:"version"` // of the layout described in package repo; 1
	Format  string `json:"format"`  // object format: sha1 or sha256
	Depth   int    `json:"depth"`   // as asked for at the last fetch
	Filter  string `json:"filter,omitempty"`
	// Link is the published link, relative to the root where it is below it.
	Link string `json:"link,omitempty"`
	// Kept is the size on disk, in bytes, after garbage was last collected.
	Kept int64 `json:"kept,omitempty"`
	// Ready says that a store built aside is fit to take the place of .git.
	Ready bool `json:"ready,omitempty"`
}

const version = 1

// Options say what a root's store and those of its submodules hold, and how.
type Options struct {
	Root       string   // absolute
	Git        *git.Git // for what is done beside syncs, without credentials
	Log        logr.Logger
	URL        string
	Depth      int    // commits of history; 0 is all of it
	Filter     string // partial clone: git's --filter
	GC         GC
	GroupWrite bool
	// Progress, when set, is called for each step of a fetch.
	Progress func(git.Progress)
	// Fetched is called after each fetch that ended well.
	Fetched func()

	noShallow bool // it was logged that a remote has no shallow clones
}

// Store is a git directory of ours, with objects, refs and the admin directories
// of worktrees; it has no worktree of its own. The root has one, and every
// submodule has one.
type Store struct {
	disk.GitDir
	Meta Meta
	// Err says why the marker, which is there, cannot be read. Nothing is known
	// of the store then: it must not be taken for none.
	Err error
	// Corrupt says that the store, or one of its submodules', is proved to be
	// corrupt.
	Corrupt bool

	opts  *Options
	url   string
	known Inventory // as the last sync left it
}

// At returns the store at dir, which may be absent or not ours; its Meta is then
// zero.
func At(dir string, opts *Options) *Store {
	st := &Store{GitDir: disk.GitDir{Name: dir, Shared: opts.GroupWrite}, opts: opts, url: opts.URL}
	st.Load()
	return st
}

// Load reads the marker.
func (st *Store) Load() {
	st.Meta, st.Err = Meta{}, nil
	err := disk.ReadJSON(st.Own(disk.Marker), &st.Meta)
	if err != nil || st.Meta.Version != version {
		st.Meta = Meta{}
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) && !errors.Is(err, fs.ErrNotExist) {
		st.Err = fmt.Errorf("reading the store's marker: %w", err)
	}
}

// Usable reports whether the store is there, ours, and of this version.
func (st *Store) Usable() bool { return st.Meta.Version == version }

// Current reports whether the store was fetched as the options ask for now.
func (st *Store) Current() bool {
	return st.Meta.Depth == st.opts.Depth && st.Meta.Filter == st.opts.Filter && !st.Corrupt
}

// Holds reports whether the object called hash can be fetched into the store, as
// the options ask for now.
func (st *Store) Holds(hash string) bool {
	return st.Usable() && !st.Corrupt && st.Meta.Format == formatOf(hash) && st.Meta.Filter == st.opts.Filter
}

func (st *Store) shallow() bool { return disk.Exists(st.Path("shallow")) }

func (st *Store) trash() disk.Trash { return disk.Trash{Root: st.opts.Root, Shared: st.Shared} }

// Save writes the marker.
func (st *Store) Save(m Meta) error {
	if m == st.Meta {
		return nil
	}
	if err := st.ReplaceJSON(st.Own(disk.Marker), m); err != nil {
		return fmt.Errorf("writing the store's marker: %w", err)
	}
	st.Meta = m
	return nil
}

// formatOf returns the object format that a hash in hex belongs to.
func formatOf(hash string) string {
	if len(hash) == 64 {
		return "sha256"
	}
	return "sha1"
}

// create makes an empty git directory, as gitrepository-layout(5) has it. The
// marker comes first, so that a crash leaves something known to be ours.
func (st *Store) create(format, filter string) error {
	st.Meta = Meta{}
	err := st.MkdirAll(st.Path(disk.OwnName))
	if err == nil {
		// Depth -1 is no depth that can be asked for: nothing is fetched yet.
		err = st.Save(Meta{Version: version, Format: format, Filter: filter, Depth: -1})
	}
	if err != nil {
		return fmt.Errorf("creating the store: %w", err)
	}
	return st.complete()
}

// complete makes what git needs of a store, of which a kill may have left only a part.
func (st *Store) complete() error {
	for _, dir := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", disk.Admins} {
		if err := st.MkdirAll(st.Path(dir)); err != nil {
			return fmt.Errorf("creating the store: %w", err)
		}
	}
	return st.configure()
}

// configure writes the store's configuration and HEAD where they differ. A git
// that runs in a published tree reads it: the remote's URL, and for a partial clone
// where missing objects come from.
func (st *Store) configure() error {
	var b strings.Builder
	version := 0
	if st.Meta.Format != "sha1" || st.Meta.Filter != "" {
		version = 1 // extensions need it
	}
	fmt.Fprintf(&b, "[core]\n\trepositoryformatversion = %d\n\tfilemode = true\n\tbare = true\n", version)
	if st.Shared {
		b.WriteString("\tsharedRepository = group\n")
	}
	if version == 1 {
		b.WriteString("[extensions]\n")
		if st.Meta.Format != "sha1" {
			fmt.Fprintf(&b, "\tobjectFormat = %s\n", st.Meta.Format)
		}
		if st.Meta.Filter != "" {
			b.WriteString("\tpartialClone = origin\n")
		}
	}
	// So that git takes the submodules in a published tree for what they are.
	b.WriteString("[submodule]\n\tactive = .\n")
	fmt.Fprintf(&b, "[remote \"origin\"]\n\turl = %s\n", quoteConfig(st.url))
	if st.Meta.Filter != "" {
		fmt.Fprintf(&b, "\tpromisor = true\n\tpartialclonefilter = %s\n", quoteConfig(st.Meta.Filter))
	}
	// git takes a directory for a repository by its HEAD.
	for name, content := range map[string]string{"config": b.String(), "HEAD": "ref: refs/heads/git-sync\n"} {
		if old, err := os.ReadFile(st.Path(name)); err == nil && string(old) == content {
			continue
		}
		if err := st.Replace(st.Path(name), []byte(content)); err != nil {
			return fmt.Errorf("configuring the store: %w", err)
		}
	}
	return nil
}

// quoteConfig quotes a value as git-config(1) reads it.
func quoteConfig(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

// Ref returns what the loose ref name holds; empty when there is none, and an
// error when that cannot be told. Our stores hold few refs and are never
// packed by us, but git may.
func (st *Store) Ref(name string) (string, error) {
	data, err := os.ReadFile(st.Path(name))
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading what was fetched: %w", err)
	}
	packed, err := os.ReadFile(st.Path("packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading what was fetched: %w", err)
	}
	return packedRef(string(packed), name), nil
}

// packedRef looks a ref up in a file of packed ones: "<hash> <ref>" on each
// line but for comments; empty when it is not there.
func packedRef(packed, name string) string {
	for line := range strings.Lines(packed) {
		if hash, ref, ok := strings.Cut(strings.TrimSpace(line), " "); ok && ref == name {
			return hash
		}
	}
	return ""
}

// Published returns what NotePublished has noted last; empty when that is not known.
func (st *Store) Published() string {
	hash, _ := st.Ref(publishedRef) // unreadable: not known
	return hash
}

// NotePublished notes the commit that is published, for when nothing else says so.
func (st *Store) NotePublished(commit string) error {
	if st.Published() == commit {
		return nil
	}
	return st.setRef(publishedRef, commit)
}

func (st *Store) setRef(name, hash string) error {
	if err := st.MkdirAll(filepath.Dir(st.Path(name))); err != nil {
		return err
	}
	return st.Replace(st.Path(name), []byte(hash+"\n"))
}

// Head returns what was fetched last; empty when nothing was.
func (st *Store) Head() (string, error) { return st.Ref(headRef) }

// Has reports whether the store has the commit hash; an error when that cannot
// be told.
func (st *Store) Has(ctx context.Context, g *git.Git, hash string) (bool, error) {
	_, err := g.Run(ctx, git.Cmd("cat-file", "-e").GitDir(st.Dir()).Operand(hash+"^{commit}"))
	if err == nil {
		return true, nil
	}
	switch git.KindOf(err) {
	case git.KindUnknown, git.KindRefNotFound, git.KindCorrupt:
		return false, nil
	default:
		return false, err
	}
}

// Within returns the commit in the history of tip whose hash begins with short.
func (st *Store) Within(ctx context.Context, g *git.Git, tip, short string) (string, error) {
	commit, err := st.Peel(ctx, g, short)
	if err == nil {
		_, err = g.Run(ctx, git.Cmd("merge-base", "--is-ancestor").GitDir(st.Dir()).Operand(commit, tip))
	}
	if kind := git.KindOf(err); err != nil && (kind == git.KindUnknown || kind == git.KindRefNotFound) {
		err = &git.Error{
			Op: "rev-parse", Kind: git.KindRefNotFound, Err: fmt.Errorf("no commit %s in the history that was fetched", short),
			Hinted: "raise --depth, or give --rev the full hash",
		}
	}
	return commit, err
}

var errNoCommit = errors.New("this is not a commit")

// HasDir fails unless a commit has the directory dir, for --subdir; "" is always there.
func (st *Store) HasDir(ctx context.Context, g *git.Git, commit, dir string) error {
	if dir == "" {
		return nil
	}
	res, err := g.Run(ctx, git.Cmd("ls-tree", "-d", "--full-tree").GitDir(st.Dir()).Operand(commit, dir))
	if err != nil || strings.HasPrefix(res.Stdout, "040000 tree ") {
		return err
	}
	return &git.Error{
		Op: "ls-tree", Kind: git.KindRefused, Err: fmt.Errorf("commit %s has no directory %q", commit, dir),
		Hinted: "correct --subdir, or wait for a commit that has the directory: nothing is published until then",
	}
}

// Peel returns the commit that name, a hash or a ref, comes down to.
func (st *Store) Peel(ctx context.Context, g *git.Git, name string) (string, error) {
	res, err := g.Run(ctx, git.Cmd("rev-parse", "--verify", "--quiet").GitDir(st.Dir()).Operand(name+"^{commit}"))
	if err != nil {
		if git.KindOf(err) == git.KindUnknown {
			err = &git.Error{Op: "rev-parse", Kind: git.KindRefNotFound, Err: errNoCommit, Hinted: "--ref is to name a branch, a commit, or a tag of one"}
		}
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimSpace(res.Stdout), nil
}
