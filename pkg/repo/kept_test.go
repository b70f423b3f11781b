package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
	"git-sync/test/sshserver"
)

// received is how many bytes a server has sent.
func received(server *gitserver.Server) int64 {
	bytes := int64(0)
	for _, q := range server.Log() {
		bytes += q.Sent
	}
	return bytes
}

// TestFetchedIsKept: W18. What was fetched is used by the next attempt, when what comes after the fetch fails; in the
// same process, and in one that comes after it.
func TestFetchedIsKept(t *testing.T) {
	for name, change := range map[string]func(f *fixture){
		"branch":  func(*fixture) {},
		"HEAD":    func(f *fixture) { f.opts.Ref = "" },
		"hash":    func(f *fixture) { f.opts.Ref = f.up.Rev("main") },
		"tag":     func(f *fixture) { f.up.AnnotatedTag("v1", "main"); f.opts.Ref = "v1" },
		"SHA-256": func(*fixture) {},
		"history": func(f *fixture) { f.opts.Depth = 0 },
		"filter":  func(f *fixture) { f.opts.Filter = "blob:limit=1m" },
		"update":  func(*fixture) {},
		"replace": func(*fixture) {},
		// There is no list of shallow commits to tell that the history is whole.
		"one commit": func(*fixture) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{SHA256: name == "SHA-256"})
			server := f.overHTTP()
			fail := failingCheckouts(f)
			if name == "update" || name == "replace" || name == "one commit" {
				remove2(t, fail)
				f.sync(f.up.Commit(map[string]string{"a": "1"}))
				write(t, fail, "")
			}
			hash := f.up.BigTree(500)
			if name == "one commit" {
				hash = strings.TrimSpace(f.up.Git("commit-tree", "-m", "alone", hash+"^{tree}"))
				f.up.Set("refs/heads/main", hash)
			}
			change(f)
			if name == "replace" {
				if err := f.restart(func(o *Options) { o.Filter = "blob:limit=1m" }); err != nil {
					t.Fatal(err)
				}
			}
			server.Reset()
			once := int64(0)
			for i := range 6 {
				if _, err := f.try(); err == nil {
					t.Fatal("a failed checkout passes for a good one")
				}
				if i == 0 {
					once = received(server)
				}
				if i%2 == 1 {
					if err := f.restart(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if all := received(server); once < 10000 || all > once+5*2000 {
				t.Errorf("%d bytes of one attempt, %d of six", once, all)
			}
			if trash := f.repo.trees.Trash.List(); len(trash) > 0 || len(f.unfinished()) > 0 {
				t.Errorf("left: %v, %v", trash, f.unfinished())
			}
			remove2(t, fail)
			f.sync(hash)
			f.clean()
		})
	}
}

// What was kept for an attempt goes when it is of no more use.
func TestKeptIsDropped(t *testing.T) {
	f := newFixture(t)
	fail := failingCheckouts(f)
	remove2(t, fail)
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	write(t, fail, "")
	other := func(o *Options) { o.Filter = "blob:none" }
	if err := f.restart(other); err != nil {
		t.Fatal(err)
	}
	if _, err := f.try(); err == nil {
		t.Fatal("a failed checkout passes for a good one")
	}
	if len(f.rootEntries()) != 4 {
		t.Errorf("nothing is kept: %v", f.rootEntries())
	}
	if err := f.restart(func(o *Options) { o.Filter = "" }); err != nil {
		t.Fatal(err)
	}
	f.sync(hash)
	f.clean()
}

// What a failed attempt has fetched is damaged: it is fetched anew.
func TestKeptIsDamaged(t *testing.T) {
	f := newFixture(t)
	fail := failingCheckouts(f)
	hash := f.up.BigTree(many)
	if _, err := f.try(); err == nil {
		t.Fatal("a failed checkout passes for a good one")
	}
	remove2(t, fail)
	err := eachObject(filepath.Join(f.opts.Root, ".git-sync.next"), func(name string, info os.FileInfo) error {
		if filepath.Ext(name) == ".pack" {
			truncate(t, name, info.Size()/2)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.try(); err != nil { // it may be noticed now
		t.Log(err)
	}
	f.sync(hash)
	f.clean()
}

// A submodule that was fetched is not fetched again because another one cannot be.
func TestFetchedModuleIsKept(t *testing.T) {
	for _, first := range []bool{true, false} {
		m := newFamily(t)
		one, two := m.member("one.git"), m.member("two.git")
		good := m.up.Commit(map[string]string{"a": "1"})
		if !first {
			m.sync(good)
		}
		commit := two.Commit(map[string]string{"v": "1"})
		mods := func(second string) gitserver.Change {
			return adopt(mod{"sub", "../one.git", one.Rev("main")}, mod{"sub2", "../two.git", second})
		}
		one.BigTree(200)
		m.up.Apply(mods(strings.Repeat("12", 20)))
		for range 4 {
			if _, err := m.try(); err == nil {
				t.Fatal("a missing submodule is none")
			}
		}
		fetches := 0
		for _, q := range m.server.Log() {
			if q.Kind == gitserver.Fetch && strings.Contains(q.Path, "/one.git") && q.Sent > 1000 {
				fetches++
			}
		}
		if fetches != 1 {
			t.Errorf("the submodule was fetched %d times", fetches)
		}
		m.sync(m.up.Apply(mods(commit)))
		m.clean()
	}
}

// The files of Git LFS that one attempt has fetched are there for the next.
func TestFetchedLFSIsKept(t *testing.T) {
	sshserver.Require(t, "git-lfs", "git-lfs")
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	fail := failingCheckouts(f)
	hash := lfsPush(t, f, "content")
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.try(); err == nil {
		t.Fatal("a failed checkout passes for a good one")
	}
	objects := filepath.Join(f.up.Dir, "lfs", "objects")
	remove2(t, objects)
	remove2(t, fail)
	if _, err := f.try(); err != nil {
		t.Fatal(err)
	}
	f.published0(hash)
}

// A short hash that is not in the fetched history is looked for without fetching all of it each time.
func TestShortHashOutside(t *testing.T) {
	f := newFixture(t)
	server := f.overHTTP()
	short := f.up.Commit(map[string]string{"a": "1"})[:10]
	f.up.BigTree(500)
	f.opts.Rev = short
	once := int64(0)
	for i := range 4 {
		if _, err := f.try(); git.KindOf(err) != git.KindRefNotFound {
			t.Fatalf("no error of a commit that is not there: %v", err)
		}
		if i == 0 {
			once = received(server)
		}
	}
	if all := received(server); all > once+3*2000 {
		t.Errorf("%d bytes of one attempt, %d of four", once, all)
	}
}
