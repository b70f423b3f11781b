package repo

import (
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
)

// overHTTP makes the fixture's upstream a real HTTP server.
func (f *fixture) overHTTP() *gitserver.Server {
	f.t.Helper()
	server := gitserver.HTTP(f.t, f.up)
	f.opts.URL = server.RepoURL(f.up)
	return server
}

// asked returns what the server has been asked for: the prefixes of each ls-refs.
func asked(server *gitserver.Server) [][]string {
	var all [][]string
	for _, q := range server.Log() {
		if q.Kind == gitserver.LsRefs {
			all = append(all, q.Prefixes)
		}
	}
	return all
}

// A first sync fetches a branch without asking for it before, and finds what is none.
func TestFirstSyncGuesses(t *testing.T) {
	for name, c := range map[string]struct {
		ref, full string
		sha256    bool
		fetches   int // requests for objects or their refs, by the first sync
	}{
		"branch":         {"main", "refs/heads/main", false, 1},
		"HEAD":           {"", "HEAD", false, 1},
		"SHA-256":        {"main", "refs/heads/main", true, 3},
		"tag":            {"stable", "refs/tags/stable", false, 3},
		"annotated tag":  {"v1.2.3", "refs/tags/v1.2.3", false, 2},
		"name of a tag":  {"refs/tags/stable", "refs/tags/stable", false, 2},
		"name of a head": {"refs/heads/main", "refs/heads/main", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(o *Options) { o.Ref = c.ref })
			f.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{SHA256: c.sha256})
			server := f.overHTTP()
			hash := f.up.Commit(map[string]string{"a": "1"})
			f.up.Tag("stable", "main")
			f.up.AnnotatedTag("v1.2.3", "main")
			if tree := f.sync(hash); tree.Ref != c.full {
				t.Errorf("published %q, want %q", tree.Ref, c.full)
			}
			if got := len(asked(server)); got != c.fetches {
				t.Errorf("asked %d times, want %d: %q", got, c.fetches, asked(server))
			}
			f.sync(hash)
		})
	}
}

// What is wrong is said by the first sync as by any other.
func TestFirstSyncFails(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Ref = "nope" })
	server := f.overHTTP()
	if _, err := f.try(); git.KindOf(err) != git.KindEmptyRemote {
		t.Errorf("empty remote: %v", err)
	}
	f.up.Commit(map[string]string{"a": "1"})
	if _, err := f.try(); git.KindOf(err) != git.KindRefNotFound {
		t.Errorf("no such ref: %v", err)
	}
	server.Fail(gitserver.Rule{Do: gitserver.Status(500)})
	if _, err := f.try(); git.KindOf(err) != git.KindServer {
		t.Errorf("a server that fails: %v", err)
	}
	server.Heal()
	f.up.BranchAt("nope", "main")
	f.sync(f.up.Rev("main"))
}
