package repo

import (
	"bufio"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
