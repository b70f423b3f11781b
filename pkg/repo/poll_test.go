package repo

import (
	"bufio"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

func TestPersistentPoll(t *testing.T) {
	for _, sha256 := range []bool{false, true} {
		f := newFixture(t, func(o *Options) { o.Poll = PollPersistent })
		f.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{SHA256: sha256})
		server := f.overHTTP()
		hash := f.up.Commit(map[string]string{"a": "1"})
		f.sync(hash) // which fetches without asking
		f.sync(hash)
		kept := f.repo.transport
		for range 3 {
			if f.sync(hash); f.repo.transport != kept || kept == nil {
				t.Fatalf("the transport was not kept: %v", f.logs)
			}
		}
		hash = f.up.Commit(map[string]string{"a": "2"})
		f.sync(hash)

		server.Fail(gitserver.Rule{Do: gitserver.Status(500)})
		if _, err := f.try(); err == nil {
			t.Error("no error from a server that fails")
		}
		f.published(hash)
		server.Heal()
		hash = f.up.Commit(map[string]string{"a": "3"})
		f.sync(hash) // asks by ls-remote once more: it says best what is wrong
		f.sync(hash)

		if f.repo.transport == nil {
			t.Fatalf("no transport: %q", f.logs)
		}
		_ = f.repo.transport.close() // it dies between two polls
		f.sync(f.up.Commit(map[string]string{"a": "4"}))
		f.up.AnnotatedTag("v1", "main")
		if err := f.restart(func(o *Options) { o.Ref = "v1" }); err != nil {
			t.Fatal(err)
		}
		if tree := f.sync(f.up.Rev("main")); tree.Ref != "refs/tags/v1" {
			t.Errorf("%+v", tree)
		}
	}
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

// A poll is one git, and the server is asked for the refs in question alone.
func TestPollAsksForItsRefs(t *testing.T) {
	for name, c := range map[string]struct {
		ref    string
		config []git.KV
		ops    []string
		want   []string
	}{
		"branch":        {"main", nil, []string{"remote-http"}, []string{"refs/heads/main"}},
		"HEAD":          {"", nil, []string{"remote-http"}, []string{"HEAD"}},
		"an old server": {"main", []git.KV{{Key: "protocol.version", Value: "0"}}, []string{"ls-remote"}, nil},
		"a URL that is rewritten": {
			"main",
			[]git.KV{{Key: "url.http://127.0.0.1.insteadOf", Value: "test:"}},
			[]string{"ls-remote"},
			[]string{"refs/heads/"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(o *Options) { o.Ref, o.Config = c.ref, c.config })
			server := f.overHTTP()
			hash := f.up.Commit(map[string]string{"a": "1"})
			f.sync(hash)
			f.sync(hash) // the first to ask, and to find that a server is old
			server.Reset()
			f.runs()
			f.sync(hash)
			if ops := f.runs(); !slices.Equal(ops, c.ops) {
				t.Errorf("a poll runs %q, want %q", ops, c.ops)
			}
			if got := asked(server); c.want != nil && (len(got) != 1 || !slices.Equal(got[0], c.want)) {
				t.Errorf("asked for %q, want %q", got, c.want)
			}
		})
	}
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

// A server that falls silent costs no more than the sync's time.
func TestPersistentPollSilence(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Poll = PollPersistent })
	server := f.overHTTP()
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	server.Fail(gitserver.Rule{Do: gitserver.Silence()})
	f.timeout = 2 * time.Second
	if _, err := f.try(); err == nil {
		t.Error("no error from a silent server")
	}
	f.timeout = 0
	server.Heal()
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
}

func FuzzPackets(f *testing.F) {
	f.Add("0014version 2\n000cls-refs\n0000")
	f.Add("003d" + strings.Repeat("1", 40) + " refs/heads/main\n0000")
	f.Fuzz(func(_ *testing.T, s string) {
		refs := map[string]string{}
		_ = eachPacket(bufio.NewReader(strings.NewReader(s)), flushPacket, func(line string) error { return readRef(line, refs) })
	})
}

func FuzzReaders(f *testing.F) {
	f.Add(strings.Repeat("1", 40)+"\trefs/heads/main\n", "submodule.a.path\nb\x00submodule.a.url\nc\x00", "H 160000 "+strings.Repeat("1", 40)+" 0\tb\x00")
	f.Fuzz(func(t *testing.T, refs, modules, links string) {
		_, _ = parseRefs(refs)
		specs := parseModules(modules)
		for at, spec := range specs {
			if at != spec.path || !filepath.IsLocal(at) || strings.HasPrefix(at, "-") || spec.url == "" {
				t.Errorf("%q: %+v", at, spec)
			}
		}
		if found := gitlinks(links, specs); len(found) > strings.Count(links, "\x00")+1 {
			t.Error("more submodules than entries")
		}
		_, _ = readDiff(links)
		_, _ = moduleURL("https://example.com/a/b.git", modules)
	})
}
