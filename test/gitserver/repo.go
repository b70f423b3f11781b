package gitserver

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Repo is an upstream: a bare repository that is changed by git alone. Its methods end the test on any failure. They may be
// called from several goroutines; commits made through them are then in some order on one branch.
type Repo struct {
	Dir    string // the bare repository
	Branch string // its default branch

	t     TB
	mu    sync.Mutex
	clock time.Time
}

// RepoOptions says how a [Repo] is made; the zero value is good.
type RepoOptions struct {
	Root   string // the directory it is made in, and that a server exports; default: a temporary one
	Name   string // its name there; default: repo.git
	Branch string // its default branch; default: main
	SHA256 bool   // use SHA-256 object names
}

// NewRepo makes an empty bare repository, repo.git, in a temporary directory of its own.
func NewRepo(t TB) *Repo {
	t.Helper()
	return NewRepoWith(t, RepoOptions{})
}

// NewRepoWith makes an empty bare repository. As on the usual forges, any commit can be asked for by its hash, and partial
// clones are allowed; pushing is allowed too.
func NewRepoWith(t TB, o RepoOptions) *Repo {
	t.Helper()
	if o.Root == "" {
		o.Root = t.TempDir()
	}
	r := &Repo{Dir: filepath.Join(o.Root, or(o.Name, "repo.git")), Branch: or(o.Branch, "main"), t: t, clock: epoch()}
	format := "sha1"
	if o.SHA256 {
		format = "sha256"
	}
	r.must(gitCall{args: []string{"init", "--quiet", "--bare", "--template=", "--object-format=" + format, "--initial-branch=" + r.Branch, r.Dir}})
	config := "[uploadpack]\n\tallowAnySHA1InWant = true\n\tallowFilter = true\n[http]\n\treceivepack = true\n[receive]\n\tdenyDeleteCurrent = ignore\n"
	f, err := os.OpenFile(filepath.Join(r.Dir, "config"), os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("configuring %s: %v", r.Dir, err)
	}
	_, err = f.WriteString(config)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		t.Fatalf("configuring %s: %v", r.Dir, err)
	}
	return r
}

// FileURL is the repository's file:// URL.
func (r *Repo) FileURL() string { return "file://" + r.Dir }

// Name is the last element of its path, such as repo.git.
func (r *Repo) Name() string { return filepath.Base(r.Dir) }

// Change is one commit. Paths are relative to the top, slash-separated.
type Change struct {
	Branch   string            // default: the repository's default branch; made when missing
	From     string            // commit to build upon instead of the branch's own; a force-push unless it is a descendant
	Orphan   bool              // build upon nothing: the tree is what is named here and nothing else
	Message  string            // default: "commit N"
	Delete   []string          // files or directories; done first
	Files    map[string]string // path to content, mode 0644
	Execs    map[string]string // path to content, mode 0755
	Symlinks map[string]string // path to target
	Gitlinks map[string]string // path to commit hash: submodules (write .gitmodules as a file)
}

// Apply makes one commit and returns its hash.
func (r *Repo) Apply(c Change) string {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(time.Minute)
	branch := "refs/heads/" + or(c.Branch, r.Branch)

	var in bytes.Buffer
	from := c.From
	if from == "" && !c.Orphan && r.has(branch) {
		from = branch
	}
	if from != "" { // fast-import knows HEAD~1 and the like only as full hashes
		from = strings.TrimSpace(r.must(gitCall{args: []string{"rev-parse", "--verify", "--quiet", from + "^{commit}"}}))
	}
	fmt.Fprintf(&in, "reset %s\n\ncommit %s\nmark :1\ncommitter A Test <test@example.com> %s\n", branch, branch, gitDate(r.clock))
	data(&in, or(c.Message, "commit at "+r.clock.Format(time.RFC3339)))
	if from != "" {
		fmt.Fprintf(&in, "from %s\n", from)
	}
	for _, p := range c.Delete {
		fmt.Fprintf(&in, "D %s\n", quote(p))
	}
	entries := func(mode string, files map[string]string) {
		for _, p := range slices.Sorted(maps.Keys(files)) {
			fmt.Fprintf(&in, "M %s inline %s\n", mode, quote(p))
			data(&in, files[p])
		}
	}
	entries("100644", c.Files)
	entries("100755", c.Execs)
	entries("120000", c.Symlinks)
	for _, p := range slices.Sorted(maps.Keys(c.Gitlinks)) {
		fmt.Fprintf(&in, "M 160000 %s %s\n", c.Gitlinks[p], quote(p))
	}
	return r.imported(&in)
}

// Commit writes files on the default branch and returns the new commit's hash.
func (r *Repo) Commit(files map[string]string) string {
	r.t.Helper()
	return r.Apply(Change{Files: files})
}

// Delete removes files or directories on the default branch and returns the new commit's hash.
func (r *Repo) Delete(paths ...string) string {
	r.t.Helper()
	return r.Apply(Change{Delete: paths})
}

// ForcePush replaces the tip of the default branch by another commit on its parent (or by a root commit when it has none), and
// returns the new hash.
func (r *Repo) ForcePush(files map[string]string) string {
	r.t.Helper()
	c := Change{Files: files, Orphan: true, Message: "rewritten"}
	if r.has("refs/heads/" + r.Branch + "~1") {
		c.From, c.Orphan = "refs/heads/"+r.Branch+"~1", false
	}
	return r.Apply(c)
}

// Set points a ref (a full name, refs/...) at a revision, whatever it was before.
func (r *Repo) Set(ref, rev string) {
	r.t.Helper()
	r.must(gitCall{args: []string{"update-ref", ref, rev}})
}

// Unset deletes a ref (a full name, refs/...).
func (r *Repo) Unset(ref string) {
	r.t.Helper()
	r.must(gitCall{args: []string{"update-ref", "-d", ref}})
}

// BranchAt points a branch at a revision.
func (r *Repo) BranchAt(name, rev string) {
	r.t.Helper()
	r.Set("refs/heads/"+name, rev)
}

// Tag makes or moves a lightweight tag.
func (r *Repo) Tag(name, rev string) {
	r.t.Helper()
	r.Set("refs/tags/"+name, r.Rev(rev))
}

// AnnotatedTag makes or moves an annotated tag and returns the hash of the tag object itself.
func (r *Repo) AnnotatedTag(name, rev string) string {
	r.t.Helper()
	r.must(gitCall{args: []string{"tag", "--force", "--annotate", "--message=tag " + name, name, rev}})
	return r.Rev("refs/tags/" + name)
}

// SetHEAD changes the default branch.
func (r *Repo) SetHEAD(branch string) {
	r.t.Helper()
	r.must(gitCall{args: []string{"symbolic-ref", "HEAD", "refs/heads/" + branch}})
}

// Rev resolves a revision to its hash.
func (r *Repo) Rev(rev string) string {
	r.t.Helper()
	return strings.TrimSpace(r.must(gitCall{args: []string{"rev-parse", "--verify", "--quiet", rev}}))
}

// Git runs git in the bare repository and returns its output.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return r.must(gitCall{args: args})
}

// Export writes the tree of a revision into a new directory, as a plain git would check it out (without .git), and returns the
// directory: what a published tree is to be compared with.
func (r *Repo) Export(rev string) string {
	r.t.Helper()
	dir := filepath.Join(r.t.TempDir(), "export")
	if err := os.Mkdir(dir, 0o755); err != nil {
		r.t.Fatalf("exporting: %v", err)
	}
	index := filepath.Join(r.t.TempDir(), "index")
	env := []string{"GIT_INDEX_FILE=" + index}
	r.must(gitCall{env: env, args: []string{"--work-tree=" + dir, "read-tree", r.Rev(rev + "^{commit}")}})
	r.must(gitCall{env: env, args: []string{"--work-tree=" + dir, "checkout-index", "--all"}})
	return dir
}

// BigTree commits a tree of n files of about 200 bytes in directories of 100, spread as in a source tree, and returns the hash.
// Called again it changes nothing but those files; see [Repo.BigChange].
func (r *Repo) BigTree(n int) string {
	r.t.Helper()
	return r.BigChange(n, "v1")
}

// BigChange rewrites the first n files of a [Repo.BigTree] with another content, in one commit.
func (r *Repo) BigChange(n int, version string) string {
	r.t.Helper()
	files := make(map[string]string, n)
	for i := range n {
		files[BigPath(i)] = fmt.Sprintf("file %d %s\n%s\n", i, version, strings.Repeat("lorem ipsum ", 15))
	}
	return r.Apply(Change{Files: files, Message: fmt.Sprintf("%d files %s", n, version)})
}

// BigPath is the path of the i-th file of a [Repo.BigTree].
func BigPath(i int) string {
	return fmt.Sprintf("d%02d/e%02d/file-%06d.txt", i/10000, i/100%100, i)
}

// imported feeds a fast-import stream and returns the hash of mark :1.
func (r *Repo) imported(in *bytes.Buffer) string {
	r.t.Helper()
	in.WriteString("\nget-mark :1\n")
	return strings.TrimSpace(r.must(gitCall{stdin: in, args: []string{"fast-import", "--quiet", "--force"}}))
}

func (r *Repo) has(rev string) bool {
	_, err := gitCall{dir: r.Dir, env: []string{"GIT_DIR=" + r.Dir}, args: []string{"rev-parse", "--verify", "--quiet", rev}}.run()
	return err == nil
}

// must runs git in the repository (git init, where it does not exist yet).
func (r *Repo) must(c gitCall) string {
	r.t.Helper()
	if _, err := os.Stat(r.Dir); err == nil {
		c.dir = r.Dir
		c.env = append(c.env, "GIT_DIR="+r.Dir)
	}
	c.env = append(c.env, "GIT_COMMITTER_DATE="+gitDate(r.clock), "GIT_AUTHOR_DATE="+gitDate(r.clock))
	out, err := c.run()
	if err != nil {
		r.t.Fatalf("%v", err)
	}
	return out
}

// data writes a length-prefixed block of a fast-import stream.
func data(w *bytes.Buffer, s string) { fmt.Fprintf(w, "data %d\n%s\n", len(s), s) }

// quote writes a path for fast-import: C-quoted where it must be.
func quote(p string) string {
	if !strings.ContainsAny(p, "\"\n\\ ") {
		return p
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(p) + `"`
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
