package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"git-sync/pkg/git"
)

// headRef is the one ref of a store: what was fetched last, whole.
const headRef = "refs/git-sync/head"

// storeMeta is the content of a store's marker.
type storeMeta struct {
	Version int    `json:"version"` // of the layout described in this package; 1
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

const storeVersion = 1

// store is a git directory of ours, with objects, one ref and the admin
// directories of worktrees; it has no worktree of its own. The root has one,
// and every submodule has one.
type store struct {
	dir    string
	meta   storeMeta
	url    string
	shared bool // group-writable
	// err says why the marker, which is there, cannot be read. Nothing is known
	// of the store then: it must not be taken for none.
	err error
}

// newStore returns the store at dir, which may be absent or somebody else's;
// its meta is then zero.
func (r *Repo) newStore(dir string) store {
	st := store{dir: dir, url: r.opts.URL, shared: r.opts.GroupWrite}
	st.load()
	return st
}

func (st *store) load() {
	st.meta, st.err = storeMeta{}, nil
	err := readJSON(st.own(markerName), &st.meta)
	if err != nil || st.meta.Version != storeVersion {
		st.meta = storeMeta{}
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) && !errors.Is(err, fs.ErrNotExist) {
		st.err = fmt.Errorf("reading the store's marker: %w", err)
	}
}

func (st store) own(name string) string  { return filepath.Join(st.dir, ownDirName, name) }
func (st store) admin(id string) string  { return filepath.Join(st.dir, adminDirName, id) }
func (st store) path(name string) string { return filepath.Join(st.dir, name) }
func (st store) usable() bool            { return st.meta.Version == storeVersion }
func (st store) shallow() bool           { return exists(st.path("shallow")) }
func (st store) serves(o Options) bool   { return st.meta.Depth == o.Depth && st.meta.Filter == o.Filter }

func (st *store) save(m storeMeta) error {
	if err := writeJSON(st.own(markerName), m, 0o666); err != nil {
		return fmt.Errorf("writing the store's marker: %w", err)
	}
	st.meta = m
	return nil
}

// formatOf returns the object format that a hash in hex belongs to.
func formatOf(hash string) string {
	if len(hash) == 64 {
		return "sha256"
	}
	return "sha1"
}

// hashLength is how long the object names in the store's files are, in bytes.
func (st store) hashLength() int {
	if st.meta.Format == "sha256" {
		return 32
	}
	return 20
}

// create makes an empty git directory, as gitrepository-layout(5) has it. The
// marker comes first, so that a crash leaves something known to be ours.
func (st *store) create(format, filter string) error {
	for _, dir := range []string{ownDirName, "objects/info", "objects/pack", "refs/heads", "refs/tags", adminDirName} {
		if err := os.MkdirAll(st.path(dir), 0o777); err != nil {
			return fmt.Errorf("creating the store: %w", err)
		}
		if dir == ownDirName {
			// Depth -1 is no depth that can be asked for: nothing is fetched yet.
			if err := st.save(storeMeta{Version: storeVersion, Format: format, Filter: filter, Depth: -1}); err != nil {
				return err
			}
		}
	}
	return st.configure()
}

// configure writes the store's configuration and HEAD where they differ. Whoever runs
// git in a published tree meets it: the remote's URL, and for a partial clone
// where missing objects come from.
func (st *store) configure() error {
	var b strings.Builder
	version := 0
	if st.meta.Format != "sha1" || st.meta.Filter != "" {
		version = 1 // extensions need it
	}
	fmt.Fprintf(&b, "[core]\n\trepositoryformatversion = %d\n\tfilemode = true\n\tbare = true\n", version)
	if st.shared {
		b.WriteString("\tsharedRepository = group\n")
	}
	if version == 1 {
		b.WriteString("[extensions]\n")
		if st.meta.Format != "sha1" {
			fmt.Fprintf(&b, "\tobjectFormat = %s\n", st.meta.Format)
		}
		if st.meta.Filter != "" {
			b.WriteString("\tpartialClone = origin\n")
		}
	}
	// So that git takes the submodules in a published tree for what they are.
	b.WriteString("[submodule]\n\tactive = .\n")
	fmt.Fprintf(&b, "[remote \"origin\"]\n\turl = %s\n", quoteConfig(st.url))
	if st.meta.Filter != "" {
		fmt.Fprintf(&b, "\tpromisor = true\n\tpartialclonefilter = %s\n", quoteConfig(st.meta.Filter))
	}
	// git takes a directory for a repository by its HEAD.
	for name, content := range map[string]string{"config": b.String(), "HEAD": "ref: refs/heads/git-sync\n"} {
		if old, err := os.ReadFile(st.path(name)); err == nil && string(old) == content {
			continue
		}
		if err := writeFile(st.path(name), []byte(content), 0o666); err != nil {
			return fmt.Errorf("configuring the store: %w", err)
		}
	}
	return nil
}

// quoteConfig quotes a value as git-config(1) reads it.
func quoteConfig(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

// ref returns what the loose ref name holds; empty when there is none, and an
// error when that cannot be told. Our stores hold few refs and are never
// packed by us, but git may.
func (st store) ref(name string) (string, error) {
	data, err := os.ReadFile(st.path(name))
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading what was fetched: %w", err)
	}
	packed, err := os.ReadFile(st.path("packed-refs"))
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

// session is the work of one sync: the root together with a git that has this
// sync's credentials.
type session struct {
	*Repo
	git   *git.Git
	creds git.Overlay
}

func (r *Repo) session(creds git.Overlay) session {
	return session{Repo: r, git: r.opts.Git.With(creds), creds: creds}
}

// fetch brings refspecs into st. It blocks for as long as the network takes.
func (s session) fetch(ctx context.Context, st *store, f fetchOptions) error {
	if err := st.healLocks(); err != nil {
		return err
	}
	c := git.Cmd("fetch", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--update-shallow").GitDir(st.dir)
	switch {
	case f.depth > 0:
		c.Opt("--depth=", strconv.Itoa(f.depth))
	case st.shallow():
		c.Arg("--unshallow")
	}
	remote := st.url
	if st.meta.Filter != "" {
		c.Opt("--filter=", st.meta.Filter)
		remote = "origin" // a filter is kept for a configured remote only
	}
	switch {
	case s.opts.Progress == nil:
	case s.opts.ProgressLive:
		c.Arg("--progress").Progress(s.opts.Progress)
	default:
		defer s.watchFetch(*st)()
	}
	if f.prune {
		c.Arg("--prune")
	}
	if f.untrusted {
		// Transports that git allows to a user alone are closed to what a
		// repository asks for.
		c.Env("GIT_PROTOCOL_FROM_USER=0")
	}
	if _, err := s.git.Run(ctx, c.Operand(remote).Operand(f.refspecs...)); err != nil {
		// A git that was killed leaves what it had received: over and over, that fills a disk.
		return errors.Join(err, st.healObjects())
	}
	s.count(func(t *Stats) { t.Fetches++ })
	return nil
}

type fetchOptions struct {
	depth     int
	refspecs  []string
	untrusted bool // the URL comes from the synced repository
	prune     bool // refs that the remote has no more go first: one may be where a directory of refs is now
}

// hasCommit reports whether st has the commit hash; an error when that cannot
// be told.
func (s session) hasCommit(ctx context.Context, st store, hash string) (bool, error) {
	_, err := s.git.Run(ctx, git.Cmd("cat-file", "-e").GitDir(st.dir).Operand(hash+"^{commit}"))
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

// peel returns the commit that name, a hash or a ref, comes down to in st.
func (s session) peel(ctx context.Context, st store, name string) (string, error) {
	res, err := s.git.Run(ctx, git.Cmd("rev-parse", "--verify", "--quiet").GitDir(st.dir).Operand(name+"^{commit}"))
	if err != nil {
		return "", fmt.Errorf("%s is not a commit: %w", name, err)
	}
	return strings.TrimSpace(res.Stdout), nil
}

// healLocks removes what a dead git leaves in a store and a living one would
// trip over. Only git-sync writes to a store, under the root's lock, and none
// of its gits is running now: every lock in it is stale.
func (st store) healLocks() error {
	names, err := glob(st.dir, "*.lock")
	if err != nil {
		return err
	}
	names = append(names, st.path("gc.pid"), st.path("objects/info/alternates.lock"), st.path("objects/info/commit-graph.lock"))
	err = filepath.WalkDir(st.path("refs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".lock") {
			names = append(names, name)
		}
		return nil // an unreadable directory is git's to complain about
	})
	for _, name := range names {
		err = errors.Join(err, remove(name))
	}
	if err != nil {
		return fmt.Errorf("removing stale locks: %w", err)
	}
	return nil
}

// healAdmins removes what a write of ours that was killed has left in the admin
// directories: of a tree's record, or of a copy of its index.
func (st store) healAdmins() error {
	names, err := glob(st.dir, adminDirName+"/*/"+tempPrefix+"*")
	for _, name := range names {
		err = errors.Join(err, remove(name))
	}
	if err != nil {
		return fmt.Errorf("removing leftovers in admin directories: %w", err)
	}
	return nil
}

// healObjects removes the temporary files of interrupted fetches.
func (st store) healObjects() error {
	var names []string
	for _, pattern := range []string{"objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/tmp_*", "objects/??/tmp_obj_*", tempPrefix + "*", ownDirName + "/" + tempPrefix + "*"} {
		found, err := glob(st.dir, pattern)
		if err != nil {
			return err
		}
		names = append(names, found...)
	}
	var err error
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(name))
	}
	if err != nil {
		return fmt.Errorf("removing leftovers of an interrupted fetch: %w", err)
	}
	return nil
}
