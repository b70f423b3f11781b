package repo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/outlet"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// TestOutletsRandomHistory publishes generated revisions in each way, while consumers
// edit what is published, and compares it with a fresh clone each time.
func TestOutletsRandomHistory(t *testing.T) {
	histories := 1
	if harness.Full() {
		histories = 4
	}
	histories, first := setting(t, historiesVar, histories), setting(t, historyVar, 1)
	for _, kind := range PublishKinds() {
		for _, subdir := range []string{"", "d1"} {
			for n := range histories {
				seed := first + n
				t.Run(fmt.Sprintf("%s %s %d", kind, subdir, seed), func(t *testing.T) {
					t.Parallel()
					h := outletHistory{randomHistory: newRandomHistory(t, seed), theirs: map[string]string{}, links: map[string]bool{}}
					h.opts.Publish, h.opts.Subdir = kind, subdir
					h.opts.StaleTimeout = 0
					h.run()
				})
			}
		}
	}
}

type outletHistory struct {
	*randomHistory
	theirs map[string]string // files of a consumer, in place
	links  map[string]bool   // what a consumer has put in place of a directory
}

func (h *outletHistory) run() {
	for h.step = range historySteps {
		if h.opts.Subdir == "" {
			h.options()
		}
		h.push()
		if h.opts.Subdir != "" && h.up.Git("ls-tree", "-d", "main", h.opts.Subdir) == "" {
			h.model.entries = maps.Clone(h.model.entries) // those of a past revision stay
			h.model.put(h.opts.Subdir+"/there", randomEntry{data: "1"})
			h.model.hash = h.up.Commit(map[string]string{h.opts.Subdir + "/there": "1"})
		}
		h.consumer()
		if h.rng.IntN(10) == 0 {
			h.stop()
		}
		if h.opts.Publish == PublishDirectory {
			h.skew.Add(int64(verifyPeriod)) // an edit is found now, also if the revision stays
		}
		h.publish()
		h.checkPublished()
		h.skew.Add(int64(time.Minute)) // what was replaced may be used again
		if h.t.Failed() {
			h.t.Fatalf("at step %d, %q, with %+v", h.step, h.model.done, h.opts)
		}
	}
}

// publish makes one sync. Where a consumer's file is in the way, the consumer moves it.
func (h *outletHistory) publish() {
	h.t.Helper()
	for {
		_, err := h.try()
		var refused *RefusedError
		if !errors.As(err, &refused) || h.opts.Publish != PublishInPlace {
			if err != nil {
				h.t.Fatalf("at step %d, %q: %v", h.step, h.model.done, err)
			}
			return
		}
		h.checkTheirs()
		rel, _ := filepath.Rel(h.link(), refused.Path)
		if _, ok := h.theirs[rel]; !ok {
			h.t.Fatalf("%v", err)
		}
		remove2(h.t, refused.Path)
		delete(h.theirs, rel)
	}
}

func (h *outletHistory) checkTheirs() {
	h.t.Helper()
	for name, content := range h.theirs {
		if data, err := os.ReadFile(filepath.Join(h.link(), name)); err != nil || string(data) != content {
			h.t.Errorf("%s, which is a consumer's: %q, %v", name, data, err)
		}
	}
}

func (h *outletHistory) checkPublished() {
	h.t.Helper()
	dir, err := filepath.EvalSymlinks(h.link())
	if err != nil {
		h.t.Fatal(err)
	}
	want, got := everything(h.t, filepath.Join(h.clone(), h.opts.Subdir)), everything(h.t, dir)
	for name, w := range want {
		want[name] = h.permitted(w)
	}
	for name := range h.theirs {
		for at := "/" + name; at != "/"; at = filepath.Dir(at) {
			if _, ok := want[at]; !ok {
				delete(got, at)
			}
		}
	}
	for name := range h.links { // it is the consumer's, once the repository has no such directory
		if _, ok := want["/"+name]; !ok && h.opts.Publish == PublishInPlace {
			delete(got, "/"+name)
		}
	}
	if h.opts.Publish == PublishInPlace { // the directory itself stays as it was made
		delete(want, "")
		delete(got, "")
	}
	for _, name := range keys(want, got) {
		if want[name] != got[name] {
			h.t.Errorf("%s: is %+v, want %+v", name, got[name], want[name])
		}
	}
	h.checkTheirs()
	if rev, ok := h.repo.Published(); !ok || rev.Hash != h.model.hash || rev.Unusable != "" || rev.Path != dir {
		h.t.Errorf("Published() = %+v, want %s at %s", rev, h.model.hash, dir)
	}
}

// consumer edits and removes files of ours, and adds its own.
func (h *outletHistory) consumer() {
	if h.opts.Publish == PublishLink || h.repo == nil {
		return
	}
	var files, dirs []string
	_ = filepath.WalkDir(h.link(), func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(h.link(), name)
		_, theirs := h.theirs[rel]
		switch {
		case err != nil || theirs:
		case d.IsDir():
			dirs = append(dirs, name)
		default:
			files = append(files, name)
		}
		return err
	})
	if len(files) == 0 || h.rng.IntN(2) == 0 {
		return
	}
	file, dir := files[h.rng.IntN(len(files))], dirs[h.rng.IntN(len(dirs))]
	var err error
	what := h.rng.IntN(7)
	switch what {
	case 0:
		err = os.WriteFile(file, []byte("edited"), 0o644) // or what a link leads to
	case 1:
		if info, serr := os.Lstat(file); serr == nil && info.Mode().IsRegular() {
			err = sameSize(meddler{}, file, "")
		}
	case 2:
		err = os.Remove(file)
	case 3:
		err = errors.Join(os.Remove(file), os.Symlink("elsewhere", file))
	case 4:
		err = os.Chmod(dir, 0o700)
	case 5:
		if dir == h.link() {
			break
		}
		away := filepath.Join(h.t.TempDir(), "moved")
		for name := range h.theirs {
			if strings.HasPrefix(filepath.Join(h.link(), name), dir+"/") {
				delete(h.theirs, name)
			}
		}
		err = errors.Join(os.Rename(dir, away), os.Symlink(away, dir))
		h.links[dir[len(h.link())+1:]] = true
	default:
		name := filepath.Join(dir, fmt.Sprint("theirs", h.step))
		if err = os.WriteFile(name, []byte(name), 0o600); err == nil && h.opts.Publish == PublishInPlace {
			rel, _ := filepath.Rel(h.link(), name)
			h.theirs[rel] = name
		}
	}
	h.model.done = append(h.model.done, fmt.Sprintf("consumer %d: %s, %s: %v", what, file, dir, err))
}

// inMode is a fixture that publishes in that way.
func inMode(t *testing.T, kind Publish) *fixture {
	return newFixture(t, func(o *Options) { o.Publish = kind })
}

func (f *fixture) showsOnly(files map[string]string) {
	f.t.Helper()
	got := listing(f.t, f.link()+"/.")
	for _, name := range keys(files, got) {
		if want, ok := files[name]; got[name] != "drwx" && got[name] != "d---------" && (!ok || got[name] != "false "+want) {
			f.t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

// An edit of a published file is put right though nothing is new: in place at the next sync, and in a directory when it is
// compared again.
func TestEditIsRepaired(t *testing.T) {
	for _, kind := range PublishKinds()[1:] {
		t.Run(string(kind), func(t *testing.T) {
			f := inMode(t, kind)
			hash := f.up.Commit(map[string]string{"a": "1", "dir/b": "2"})
			f.sync2(hash)
			if tree := f.sync2(hash); tree.New {
				t.Error("nothing is new, but it is published again")
			}
			write(t, filepath.Join(f.link(), "dir/b"), "3")
			if kind == PublishDirectory {
				if tree, err := f.try(); err != nil || tree.New {
					t.Errorf("each sync compares all files, or fails: %v", err)
				}
				f.skew.Add(int64(verifyPeriod))
			}
			if tree := f.sync2(hash); !tree.New {
				t.Error("an edit is not found")
			}
			f.showsOnly(map[string]string{".": "", "a": "1", "dir": "", "dir/b": "2"})
			back := f.away()
			remove2(t, filepath.Join(f.link(), "dir"))
			f.skew.Add(int64(verifyPeriod))
			f.fails()
			back()
			f.showsOnly(map[string]string{".": "", "a": "1", "dir": "", "dir/b": "2"})
			if err := f.restart(); err != nil {
				t.Fatal(err)
			}
			if tree := f.sync2(hash); tree.New {
				t.Error("published again after a restart")
			}
		})
	}
}

// TestHookedTree: what a hook has changed in the worktree is published, and only with the revision for which it ran.
func TestHookedTree(t *testing.T) {
	for _, kind := range PublishKinds()[1:] {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := inMode(t, kind)
			f.opts.Hooked, f.opts.Checkout, f.minRecycled = true, CheckoutRecycle, 1
			if err := f.restart(); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				hash := f.up.Commit(map[string]string{"a": fmt.Sprint(i), "dir/b": "same"})
				tree, err := f.repo.Prepare(t.Context(), git.Overlay{})
				if err != nil || tree.Hash != hash {
					t.Fatal(tree.Hash, err)
				}
				write(t, filepath.Join(tree.Path, "dir/b"), fmt.Sprint("edited for ", i))
				write(t, filepath.Join(tree.Path, "dir", fmt.Sprint("made", i)), "")
				if _, err := f.repo.Publish(t.Context(), tree); err != nil {
					t.Fatal(err)
				}
				f.repo.Clean(t.Context())
				f.settle()
				f.skew.Add(int64(time.Minute))
				f.showsOnly(map[string]string{
					".": "", "a": fmt.Sprint(i), "dir": "", "dir/b": fmt.Sprint("edited for ", i), fmt.Sprint("dir/made", i): "",
				})
			}
		})
	}
}

// TestSpareModified: the worktree from which the next one is made is modified, though no consumer has it. Nothing of that is
// ever published, not even when a copy is repaired.
func TestSpareModified(t *testing.T) {
	for _, c := range []struct {
		kind   Publish
		modify func(t *testing.T, name string)
	}{
		{PublishDirectory, func(t *testing.T, name string) { write(t, name, "theirs") }},
		{PublishInPlace, func(t *testing.T, name string) { write(t, name, "theirs") }},
		{PublishInPlace, remove2},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			kind := c.kind
			f := inMode(t, kind)
			f.minRecycled = 1
			want := map[string]string{".": "", "a": "", "dir": "", "dir/b": "1", "dir/c": "1", "dir/d": "1"}
			next := func() string {
				want["a"] += "."
				f.skew.Add(int64(time.Hour)) // the spares may be used again
				return f.up.Commit(map[string]string{"a": want["a"], "dir/b": "1", "dir/c": "1", "dir/d": "1"})
			}
			for range 4 {
				f.sync2(next())
			}
			if n := f.repo.Stats().Recycled; n < 2 {
				t.Fatalf("%d worktrees were recycled", n)
			}
			c.modify(t, filepath.Join(f.repo.store.Own("spare"), f.spares()[0], "dir/b"))
			f.sync2(next())
			f.showsOnly(want)
			failed := 0
			for range 3 {
				write(t, filepath.Join(f.link(), "dir/b"), "edited") // so that the worktree's is needed
				hash := next()
				if _, err := f.try(); errors.Is(err, outlet.ErrTouched) {
					failed++
				}
				if got := listing(t, f.link()+"/.")["dir/b"]; got == "false theirs" {
					t.Error("what was written into the spare is published")
				}
				f.sync2(hash)
				f.showsOnly(want)
			}
			if failed != 1 {
				t.Errorf("it was found %d times, want once: a worktree that was modified is not used again", failed)
			}
		})
	}
}

// TestOddFiles: a consumer or a hook leaves something that git never makes.
func TestOddFiles(t *testing.T) {
	f := inMode(t, PublishInPlace)
	hash := f.up.Commit(map[string]string{"a": "1", "dir/b": "2"})
	f.sync2(hash)
	if err := os.Chmod(filepath.Join(f.link(), "dir"), 0o755|fs.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	f.sync2(hash)
	if tree := f.sync2(hash); tree.New {
		t.Error("published again because of the setuid bit of a directory, which nothing puts right")
	}
	f.up.Commit(map[string]string{"a": "2"})
	tree, err := f.repo.Prepare(t.Context(), git.Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Mkfifo(filepath.Join(tree.Path, "pipe"), 0o600), os.Chmod(tree.Path, 0o555)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.repo.Publish(t.Context(), tree); err == nil || !strings.Contains(err.Error(), "pipe cannot be published") {
		t.Errorf("with a named pipe of a hook: %v", err)
	}
	remove2(t, filepath.Join(tree.Path, "pipe"))
	if err := os.Chmod(filepath.Join(tree.Path, "dir"), 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := f.repo.Publish(t.Context(), tree); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".", "dir"} {
		if info, err := os.Stat(filepath.Join(f.link(), name)); err != nil || info.Mode().Perm()&0o700 != 0o700 {
			t.Errorf("the next update cannot write into %s: %v, %v", name, info.Mode(), err)
		}
	}
}

// sync2 is sync for what is published without git.
func (f *fixture) sync2(hash string) Tree {
	f.t.Helper()
	tree, err := f.try()
	if err != nil {
		f.t.Fatalf("sync: %v", err)
	}
	f.complete(hash)
	if disk.Exists(filepath.Join(f.link(), ".git")) {
		f.t.Error("consumers see a .git")
	}
	return tree
}

// A root is published in one way after the other; readers find one of the revisions all the time.
func TestPublishChanges(t *testing.T) {
	f := newFixture(t)
	v := f.up.Commit(map[string]string{"a": "0", "dir/b": "0"})
	ways := PublishKinds()[:1]
	for i, one := range PublishKinds() { // each one to each other one
		for _, other := range PublishKinds()[i+1:] {
			ways = append(ways, one, other, one)
		}
	}
	ways = slices.Compact(append(ways, PublishLink))
	over := make(chan struct{})
	f.sync(v)
	done := make(chan error, 1)
	go func() {
		for {
			select {
			case <-over:
				done <- nil
				return
			default:
			}
			if _, err := os.ReadFile(filepath.Join(f.link(), "dir/b")); err != nil {
				done <- err
				return
			}
		}
	}()
	for i, kind := range ways {
		if err := f.restart(func(o *Options) { o.Publish = kind }); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			v = f.up.Commit(map[string]string{"a": fmt.Sprint(i), "dir/b": fmt.Sprint(i)})
		}
		if tree, err := f.try(); err != nil || i > 0 && !tree.New {
			t.Fatalf("%s: %+v, %v", kind, tree, err)
		}
		f.complete(v)
		if info, err := os.Lstat(f.link()); err != nil || info.IsDir() != (kind != PublishLink) {
			t.Errorf("%s: %v, %v", kind, info, err)
		}
		if tree, err := f.try(); err != nil || tree.New {
			t.Errorf("%s: published again: %+v, %v", kind, tree, err)
		}
	}
	close(over)
	if err := <-done; err != nil {
		t.Errorf("a moment without content: %v", err)
	}
	f.published(v)
	f.clean()
}

// The directory of a consumer, and what a consumer keeps in one of ours, is not replaced.
func TestNotOursIsRefused(t *testing.T) {
	refused := func(err error, words string) {
		t.Helper()
		var r *RefusedError
		if !errors.As(err, &r) || !strings.Contains(err.Error()+r.Hint(), words) {
			t.Errorf("%v; want it refused with %q", err, words)
		}
	}
	for _, kind := range PublishKinds() {
		f := inMode(t, kind)
		write(t, filepath.Join(f.link(), "mine"), "1")
		refused(f.restart(), "is the published path, but is")
	}
	f := inMode(t, PublishInPlace)
	f.sync2(f.up.Commit(map[string]string{"a": "1"}))
	mine := filepath.Join(f.link(), "mine")
	write(t, mine, "1")
	for _, kind := range []Publish{PublishLink, PublishDirectory} {
		refused(f.restart(func(o *Options) { o.Publish = kind }), mine)
	}
	f.opts.Publish = PublishInPlace
	f.up.Commit(map[string]string{"a": "2", "mine": "2"})
	_, err := f.try()
	refused(err, "is in the way")
	f.showsOnly(map[string]string{".": "", "a": "1", "mine": "1"})
	remove2(t, mine)
	f.sync2(f.up.Rev("main"))

	f = inMode(t, PublishDirectory)
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	f.repo.exchange = withoutExchange
	f.up.Commit(map[string]string{"a": "1"})
	_, err = f.try()
	refused(err, "cannot exchange")
	f = inMode(t, PublishDirectory)
	f.opts.Link = "/dev/shm/git-sync-not-there"
	if f.opts.Root = t.TempDir(); strings.HasPrefix(f.opts.Root, "/dev/shm/") {
		f.opts.Link = "/proc/git-sync-not-there"
	}
	refused(f.restart(), "another volume")
}

// What was published under another name goes, but for what is not ours.
func TestFormerDirectory(t *testing.T) {
	for _, kind := range []Publish{PublishDirectory, PublishInPlace} {
		f := inMode(t, kind)
		hash := f.up.Commit(map[string]string{"a": "1", "dir/b": "2"})
		f.sync2(hash)
		former := f.link()
		write(t, filepath.Join(former, "dir/mine"), "1")
		if err := f.restart(func(o *Options) { o.Link = "other" }); err != nil {
			t.Fatal(err)
		}
		f.sync2(hash)
		if got := listing(t, former); len(got) != 3 || got["dir/mine"] != "false 1" {
			t.Errorf("%s: of the former directory there is %v", kind, got)
		}
	}
}

// A commit without the directory is not published.
func TestSubdirMissing(t *testing.T) {
	for _, kind := range []Publish{PublishLink, PublishDirectory, PublishInPlace} {
		f := newFixture(t, func(o *Options) { o.Publish, o.Subdir = kind, "pub/li*c" })
		f.up.Commit(map[string]string{"a": "1", "pub/lic": "1"})
		if _, err := f.try(); err == nil || !strings.Contains(err.Error(), `no directory "pub/li*c"`) {
			t.Errorf("%v", err)
		}
		hash := f.up.Commit(map[string]string{"pub/li*c/x": "1", "pub/lixc/x": "1", ".gitattributes": "x ident\n"})
		if _, err := f.try(); err != nil {
			t.Fatal(err)
		}
		f.showsOnly(map[string]string{".": "", "x": "1"})
		f.up.Apply(gitserver.Change{Delete: []string{"pub"}})
		if _, err := f.try(); err == nil {
			t.Error("published without the directory")
		}
		f.showsOnly(map[string]string{".": "", "x": "1"})
		if rev, ok := f.repo.Published(); !ok || rev.Hash != hash {
			t.Errorf("published: %+v", rev)
		}
	}
}

// Where the sparse patterns leave --subdir out, there is nothing to publish, and what is published stays.
func TestSubdirNotInPatterns(t *testing.T) {
	for _, kind := range PublishKinds() {
		patterns := filepath.Join(t.TempDir(), "patterns")
		write(t, patterns, "/dir/\n")
		f := newFixture(t, func(o *Options) { o.Publish, o.Subdir, o.SparseFile = kind, "dir", patterns })
		f.up.Commit(map[string]string{"a": "1", "dir/x": "1"})
		if _, err := f.try(); err != nil {
			t.Fatal(err)
		}
		write(t, patterns, "/a\n")
		if _, err := f.try(); err == nil || !strings.Contains(err.Error(), `no file of the directory "dir"`) {
			t.Errorf("%s: %v", kind, err)
		}
		f.showsOnly(map[string]string{".": "", "x": "1"})
	}
}

// An update in place that was killed is completed at the next start, also without the remote: consumers do not go back.
func TestInterruptedInPlace(t *testing.T) {
	f := inMode(t, PublishInPlace)
	f.sync2(f.up.Commit(map[string]string{"a": "1", "b": "1"}))
	manifest, err := disk.Glob(f.opts.Root, ".git-sync.published/*/manifest")
	if err != nil || len(manifest) != 1 {
		t.Fatal(manifest, err)
	}
	noted, err := os.ReadFile(manifest[0])
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(string(noted), "\n")
	newer := f.up.Commit(map[string]string{"a": "2", "b": "2"})
	older := f.repo.current().rec.ID
	tree, err := f.repo.Prepare(t.Context(), git.Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	f.stop()
	// As it is after the journal and the first file.
	write(t, filepath.Join(filepath.Dir(manifest[0]), "journal"), strings.Replace(header, older, tree.rec.ID, 1)+"\n")
	write(t, filepath.Join(f.link(), "a"), "2")
	if err := os.Rename(f.up.Dir, f.up.Dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.try(); err == nil {
		t.Error("the remote is away, but the sync did not fail")
	}
	f.showsOnly(map[string]string{".": "", "a": "2", "b": "2"})
	if rev, _ := f.repo.Published(); rev.Hash != newer {
		t.Errorf("published is %+v, want %s", rev, newer)
	}
}

// A directory of ours that left the repository goes when no file of others is in it any more.
func TestDirectoryKeptByAnotherFile(t *testing.T) {
	f := inMode(t, PublishInPlace)
	f.sync2(f.up.Commit(map[string]string{"a": "1", "d/e/c": "1"}))
	mine := filepath.Join(f.link(), "d/e/mine")
	write(t, mine, "mine")
	removed := func() {
		f.up.Apply(gitserver.Change{Delete: []string{"d"}})
		if _, err := f.try(); err != nil {
			t.Fatal(err)
		}
	}
	removed()
	f.showsOnly(map[string]string{".": "", "a": "1", "d/e/mine": "mine"})
	f.up.Commit(map[string]string{"d": "a file"})
	if _, err := f.try(); err == nil || !strings.Contains(err.Error(), mine+" is in the way") {
		t.Errorf("%v", err)
	}
	remove2(t, mine)
	if _, err := f.try(); err != nil {
		t.Error(err)
	}
	f.showsOnly(map[string]string{".": "", "a": "1", "d": "a file"})
	f.up.Apply(gitserver.Change{Delete: []string{"d"}})
	f.sync2(f.up.Commit(map[string]string{"d/x": "1"}))
	write(t, filepath.Join(f.link(), "d/mine"), "mine")
	removed()
	if err := os.RemoveAll(filepath.Join(f.link(), "d")); err != nil {
		t.Fatal(err)
	}
	if tree, err := f.try(); err != nil || tree.New {
		t.Errorf("a directory that is to go anyway is missed: %+v, %v", tree, err)
	}
	f.sync2(f.up.Commit(map[string]string{"d/x": "1"}))
	write(t, filepath.Join(f.link(), "d/mine"), "mine")
	removed()
	remove2(t, filepath.Join(f.link(), "d/mine"))
	f.sync2(f.up.Commit(map[string]string{"a": "2"}))
	if disk.Exists(filepath.Join(f.link(), "d")) {
		t.Error("an empty directory of ours stays")
	}
}

// After a power cut, files may be without their content, though they look the same.
func TestContentLostInPlace(t *testing.T) {
	for _, kind := range []Publish{PublishDirectory, PublishInPlace} {
		f := inMode(t, kind)
		hash := f.up.Commit(map[string]string{"b": "more"})
		f.sync2(hash)
		state, err := disk.Glob(f.opts.Root, ".git-sync.published/*/manifest")
		if err != nil || len(state) != 1 {
			t.Fatal(state, err)
		}
		f.stop()
		data, err := os.ReadFile(state[0])
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(f.link(), "b"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(f.link(), "b"), "MORE")
		if err := os.Chtimes(filepath.Join(f.link(), "b"), info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		now, err := os.Stat(filepath.Join(f.link(), "b"))
		if err != nil {
			t.Fatal(err)
		}
		changed := func(info fs.FileInfo) string { // as encoding/gob writes it
			return string(binary.BigEndian.AppendUint64(nil, uint64(info.Sys().(*syscall.Stat_t).Ctim.Nano())<<1))
		}
		another := strings.Repeat("x", len(disk.BootID()))
		text := strings.NewReplacer(disk.BootID(), another, changed(info), changed(now)).Replace(string(data))
		write(t, state[0], text)
		if tree := f.sync2(hash); !tree.New {
			t.Error("it is taken for intact")
		}
	}
}

// The repository may hold a directory that is named like a temporary one of ours.
func TestTemporaryNameInTheRepository(t *testing.T) {
	for _, kind := range []Publish{PublishDirectory, PublishInPlace} {
		f := inMode(t, kind)
		f.sync2(f.up.Commit(map[string]string{".git-sync.new-x/a": "1"}))
		left := filepath.Join(f.link(), ".git-sync.new-left")
		write(t, filepath.Join(left, "a"), "1")
		before, err := os.Stat(filepath.Join(f.link(), ".git-sync.new-x", "a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.restart(); err != nil {
			t.Fatal(err)
		}
		if _, err := f.try(); err != nil {
			t.Fatal(err)
		}
		if now, err := os.Stat(filepath.Join(f.link(), ".git-sync.new-x", "a")); err != nil || !os.SameFile(before, now) {
			t.Errorf("%s: the repository's file was replaced: %v", kind, err)
		}
		if disk.Exists(left) {
			t.Errorf("%s: what a killed update left is still there", kind)
		}
	}
}

// An update in place cannot replace what something is mounted on: the error names it by its whole path, and the next sync
// after unmounting completes the update.
func TestMountInPlace(t *testing.T) {
	f := inMode(t, PublishInPlace)
	f.sync2(f.up.Commit(map[string]string{"a": "1", "dir/b": "1"}))
	name := filepath.Join(f.link(), "dir/b")
	if err := unix.Mount("/dev/null", name, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("mounting: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(name, unix.MNT_DETACH) })
	hash := f.up.Commit(map[string]string{"a": "2", "dir/b": "2"})
	_, err := f.try()
	if err == nil || !strings.Contains(err.Error(), name+": device or resource busy") || !strings.Contains(advice.Hint(err), "is mounted at "+name) {
		t.Errorf("%v\nhint: %s", err, advice.Hint(err))
	}
	if err := unix.Unmount(name, 0); err != nil {
		t.Fatal(err)
	}
	f.sync2(hash)
	f.showsOnly(map[string]string{".": "", "a": "2", "dir": "", "dir/b": "2"})
}

func TestInPlaceKeepsInode(t *testing.T) {
	f := inMode(t, PublishInPlace)
	f.sync2(f.up.Commit(map[string]string{"a": "1", "b": "1"}))
	before, err := os.Stat(f.link())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.Stat(filepath.Join(f.link(), "b"))
	if err != nil {
		t.Fatal(err)
	}
	f.sync2(f.up.Commit(map[string]string{"a": "2"}))
	after, err := os.Stat(f.link())
	if err != nil || !os.SameFile(before, after) {
		t.Error("the directory is another one")
	}
	if now, err := os.Stat(filepath.Join(f.link(), "b")); err != nil || !os.SameFile(kept, now) {
		t.Error("a file that did not change was replaced")
	}
}
