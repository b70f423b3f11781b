package repo

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
	"git-sync/test/gitserver"
	"git-sync/test/troubleshooting"
)

// explains makes a sync that fails, and looks for words in what is said about it.
func (f *fixture) explains(words ...string) {
	f.t.Helper()
	_, err := f.try()
	if err == nil {
		f.t.Fatal("no error")
	}
	said := err.Error() + "\nhint: " + advice.Hint(err)
	troubleshooting.Documented(f.t, said)
	for _, w := range words {
		if !strings.Contains(said, w) {
			f.t.Errorf("%q is not said by\n%s", w, said)
		}
	}
}

// TestNearestBranches: E7.
func TestNearestBranches(t *testing.T) {
	f := newFixture(t)
	f.up.Commit(map[string]string{"a": "1"})
	for _, name := range []string{"master", "feature/x", "other"} {
		f.up.BranchAt(name, "main")
	}
	for ref, near := range map[string]string{
		"Main":        "the remote has the branches main, master, feature/x, other",
		"origin/main": "the remote has the branches main, master",
		"mastr":       "the remote has the branches master, main",
	} {
		f.opts.Ref = ref
		f.repo = nil
		f.explains("no such ref: "+ref, near)
		f.stop()
	}
	f.opts.Ref = ""
	f.up.SetHEAD("gone")
	f.explains("HEAD names a branch that it does not have", "the remote has the branches", "--ref")
}

// TestLaggingReplica: E8. A replica of the remote does not have yet what another one has advertised.
func TestLaggingReplica(t *testing.T) {
	f := newFixture(t)
	f.sync(f.up.Commit(map[string]string{"a": "1"}))
	f.stop()
	old := gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: filepath.Dir(f.up.Dir), Name: "replica.git"})
	old.Git("fetch", "-q", f.up.FileURL(), "+refs/heads/*:refs/heads/*")
	hash := f.up.Commit(map[string]string{"a": "2"})
	server := gitserver.HTTP(t, f.up)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var lags atomic.Int64
	lags.Store(100)
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(at)
		body, err := io.ReadAll(r.In.Body)
		if err != nil {
			t.Error(err)
		}
		if bytes.Contains(body, []byte("command=fetch")) && lags.Add(-1) >= 0 {
			r.Out.URL.Path = strings.Replace(r.Out.URL.Path, f.up.Name(), old.Name(), 1)
		}
		r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }})
	defer front.Close()
	f.opts.URL = front.URL + "/" + f.up.Name()
	f.explains("not our ref "+hash, "has just advertised this commit", "one of its replicas may lag behind")
	lags.Store(1) // the next one has it
	f.sync(hash)
}

// TestNoCommit: E10. A tag names a file, and not a commit.
func TestNoCommit(t *testing.T) {
	f := newFixture(t)
	f.up.Commit(map[string]string{"a": "1"})
	f.up.Tag("blob", f.up.Rev("main:a"))
	f.opts.Ref = "blob"
	f.explains("this is not a commit", "--ref must name a branch")
}

// TestEmptyPlaces: E10. Patterns match nothing; a submodule is in the tree, but not in .gitmodules.
func TestEmptyPlaces(t *testing.T) {
	f := newFixture(t)
	commit := f.up.Commit(map[string]string{"a": "1"})
	f.sync(f.up.Apply(gitserver.Change{Gitlinks: map[string]string{"sub": commit}}))
	sparse := filepath.Join(t.TempDir(), "sparse")
	write(t, sparse, "/nothing/\n")
	if err := f.restart(func(o *Options) { o.SparseFile = sparse }); err != nil {
		t.Fatal(err)
	}
	if _, err := f.try(); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"submodule has no entry in .gitmodules", "sparse checkout matches no file"} {
		if said := strings.Join(f.logs, "\n"); !strings.Contains(said, words) {
			t.Errorf("%q is not said by\n%s", words, said)
		}
		troubleshooting.Documented(t, words)
	}
}

// TestNoInodes: E10. The cause is said, and not only what came of it.
func TestNoInodes(t *testing.T) {
	f := newFixture(t)
	files := map[string]string{}
	for name := range strings.SplitSeq("abcdefghijklmnopqrstuvwxyz0123456789", "") {
		files[name] = name
	}
	f.up.Commit(files)
	f.opts.Root = smallVolume(t, "8m,nr_inodes=40")
	f.explains("No space left on device", "df -i")
	if _, err := f.try(); git.KindOf(err) != git.KindNoSpace {
		t.Errorf("%v", err)
	}
}

// TestRootBelowFile: a part of the path of the root is a file, or a link that leads to itself.
func TestRootBelowFile(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"file/root", "loop"} {
		f.opts.Root = filepath.Join(dir, root)
		f.explains("preparing the root", "a part of this path is a file")
	}
}
