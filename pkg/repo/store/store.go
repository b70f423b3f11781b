package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

const (
	// headRef points to what was fetched last, completely.
	headRef = "refs/git-sync/head"
	// publishedRef points to what was published last, if that could be written.
	publishedRef = "refs/git-sync/published"
)

// Meta is the content of a store's marker.
type Meta struct {
	Version int    `json:"version"` // of the layout described in package repo; 1
	Format  string `json:"format"`  // object format: sha1 or sha256
	Depth   int    `json:"depth"`   // configured depth at the last fetch
	Filter  string `json:"filter,omitempty"`
	// Link is the published path: relative to the root if it is in the root.
	Link string `json:"link,omitempty"`
	// TakenOver says that this store replaced that of an older git-sync, whose links may still be in the root.
	TakenOver bool `json:"takenOver,omitempty"`
	// Kept is the size on disk, in bytes, after the last garbage collection.
	Kept int64 `json:"kept,omitempty"`
	// Ready says that a store built beside .git is complete and may replace it.
	Ready bool `json:"ready,omitempty"`
	// Pins holds the values of the published tags, by tag, for --ref-pinned.
	Pins map[string]string `json:"pins,omitempty"`
}

const version = 1

// Options configures the store of a root and those of its submodules.
type Options struct {
	Root       string   // absolute
	Git        *git.Git // for background jobs, without credentials
	Log        logr.Logger
	URL        string
	Depth      int    // commits of history; 0 is all of it
	Filter     string // partial clone: git's --filter
	GC         GC
	GroupWrite bool
	// Progress, when set, is called for each step of a fetch.
	Progress func(git.Progress)
	// Fetched is called after each successful fetch.
	Fetched func()

	noShallow bool // the log has said that a remote does not support shallow clones
	noFilter  bool // the same for partial clones
}

// Store is a git directory of ours, with objects, refs and the admin directories of worktrees. It has no worktree of
// its own. There is one for the root, and one for each submodule.
type Store struct {
	disk.GitDir
	Meta Meta
	// Err says why the marker cannot be read, although it exists. Then nothing is known of the store, and it must not
	// be treated as absent.
	Err error
	// Corrupt says that the store, or a submodule's store, is proved to be corrupt.
	Corrupt bool

	opts      *Options
	url       string
	succeeded time.Time // the last time that NoteSuccess has written
}

// At returns the store at dir. If that is absent or not ours, its Meta is zero.
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

// Usable reports whether the store exists, is ours, and has this version.
func (st *Store) Usable() bool { return st.Meta.Version == version }

// Current reports whether the store was fetched with the present options.
func (st *Store) Current() bool {
	return st.Meta.Depth == st.opts.Depth && st.Meta.Filter == st.opts.Filter && !st.Corrupt
}

// Holds reports whether the object called hash can be fetched into the store with the present options.
func (st *Store) Holds(hash string) bool {
	return st.Usable() && !st.Corrupt && st.Meta.Format == formatOf(hash) && st.Meta.Filter == st.opts.Filter
}

func (st *Store) shallow() bool { return disk.Exists(st.Path("shallow")) }

func (st *Store) trash() disk.Trash { return disk.Trash{Root: st.opts.Root, Shared: st.Shared} }

// Save writes the marker.
func (st *Store) Save(m Meta) error {
	if reflect.DeepEqual(m, st.Meta) {
		return nil
	}
	replace := st.Replace
	if len(m.Pins) > 0 {
		replace = st.ReplaceFlushed // a power cut must not lose a pin, or the tag could move
	}
	data, err := json.Marshal(m)
	if err == nil {
		err = replace(st.Own(disk.Marker), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the store's marker: %w", err)
	}
	st.Meta = m
	return nil
}

// formatOf returns the object format of a hash in hex.
func formatOf(hash string) string {
	if len(hash) == 64 {
		return "sha256"
	}
	return "sha1"
}

// create makes an empty git directory, as described in gitrepository-layout(5). The marker comes first, so that what
// a crash leaves is recognized as ours.
func (st *Store) create(format, filter string) error {
	st.Meta = Meta{}
	err := st.MkdirAll(st.Path(disk.OwnName))
	if err == nil {
		// Depth -1 is not a valid option, so it means that nothing is fetched yet.
		err = st.Save(Meta{Version: version, Format: format, Filter: filter, Depth: -1})
	}
	if err != nil {
		return fmt.Errorf("creating the store: %w", err)
	}
	return st.complete()
}

// complete creates the files that git needs in a store, if a kill has left only some of them.
func (st *Store) complete() error {
	for _, dir := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", disk.Admins} {
		if err := st.MkdirAll(st.Path(dir)); err != nil {
			return fmt.Errorf("creating the store: %w", err)
		}
	}
	return st.configure()
}

// configure writes the store's configuration and HEAD if they differ. A git in a published tree reads the
// configuration: the remote's URL, and for a partial clone the source of missing objects.
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
	// Makes git recognize the submodules in a published tree.
	b.WriteString("[submodule]\n\tactive = .\n")
	fmt.Fprintf(&b, "[remote \"origin\"]\n\turl = %s\n", git.QuoteConfig(st.url))
	if st.Meta.Filter != "" {
		fmt.Fprintf(&b, "\tpromisor = true\n\tpartialclonefilter = %s\n", git.QuoteConfig(st.Meta.Filter))
	}
	// git recognizes a repository by its HEAD.
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

// ref returns the value of the loose ref name; empty if there is none, and an error if it cannot be read. git-sync
// does not pack refs. If a consumer's git has packed one, it is fetched again.
func (st *Store) ref(name string) (string, error) {
	data, err := os.ReadFile(st.Path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading what was fetched: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// Published returns the commit of the last NotePublished; empty if that is not known.
func (st *Store) Published() string {
	hash, _ := st.ref(publishedRef) // on error, it is not known
	return hash
}

// NotePublished records the published commit, for when its tree is lost.
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

// successName is the file with the time of the last successful sync.
const successName = "last-success"

// successPeriod is the least time between two writes of NoteSuccess, so that most polls write nothing.
const successPeriod = time.Minute

// NoteSuccess records the time of a successful sync.
func (st *Store) NoteSuccess(at time.Time) error {
	if !st.Usable() || at.Sub(st.succeeded).Abs() < successPeriod {
		return nil
	}
	st.succeeded = at
	return st.Replace(st.Own(successName), []byte(at.UTC().Format(time.RFC3339)+"\n"))
}

// LastSuccess returns the time of the last NoteSuccess; zero if that is not known.
func (st *Store) LastSuccess() time.Time {
	content, _ := os.ReadFile(st.Own(successName))
	at, _ := time.Parse(time.RFC3339, strings.TrimSpace(string(content))) // zero if the file is absent or truncated
	return at
}

// Head returns what was fetched last; empty if nothing was.
func (st *Store) Head() (string, error) { return st.ref(headRef) }

// Has reports whether the store has the commit hash. An error says that this is not known.
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

// CheckPin returns an error if the tag had another value than oid when it was published.
func (st *Store) CheckPin(tag, oid string) error {
	if was, ok := st.Meta.Pins[tag]; ok && was != oid {
		return &git.Error{
			Op: "ls-remote", Kind: git.KindRefused, Err: fmt.Errorf("the tag has moved: %s was published as %s and is now %s", tag, was, oid),
			Hinted: "put the tag back, make a new one, or drop --ref-pinned to follow it",
		}
	}
	return nil
}

// Pin records the value of a published tag.
func (st *Store) Pin(tag, oid string) error {
	meta := st.Meta
	meta.Pins = map[string]string{tag: oid}
	for other, was := range st.Meta.Pins {
		if other != tag {
			meta.Pins[other] = was
		}
	}
	return st.Save(meta)
}

// HasDir returns an error unless a commit has the directory dir, for --subdir. It accepts an empty dir.
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
		Hinted: "correct --subdir, or push a commit that has the directory",
	}
}

// Peel returns the commit that name, a hash or a ref, points to, directly or through tags.
func (st *Store) Peel(ctx context.Context, g *git.Git, name string) (string, error) {
	res, err := g.Run(ctx, git.Cmd("rev-parse", "--verify", "--quiet").GitDir(st.Dir()).Operand(name+"^{commit}"))
	if err != nil {
		if git.KindOf(err) == git.KindUnknown {
			err = &git.Error{Op: "rev-parse", Kind: git.KindRefNotFound, Err: errors.New("this is not a commit"), Hinted: "--ref must name a branch, a commit, or a tag of a commit"}
		}
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimSpace(res.Stdout), nil
}
