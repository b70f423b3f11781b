package remote

import (
	"bufio"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"go.uber.org/goleak"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a repository, and the options to ask for it.
type fixture struct {
	t      *testing.T
	up     *gitserver.Repo
	opts   Options
	remote *Remote

	mu  sync.Mutex
	ops []string // git commands that have ended
}

func newFixture(t *testing.T, o Options, up gitserver.RepoOptions) *fixture {
	t.Helper()
	f := &fixture{t: t, up: gitserver.NewRepoWith(t, up), opts: o}
	f.opts.Log = testr.NewWithOptions(t, testr.Options{Verbosity: 1})
	g, err := git.New(t.Context(), git.Options{
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, Config: o.Config, Observe: f.ran,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.opts.Git = g
	if o.URL == "" {
		f.opts.URL = f.up.FileURL()
	}
	t.Cleanup(func() {
		if f.remote != nil {
			f.remote.Close()
		}
	})
	return f
}

func (f *fixture) overHTTP() *gitserver.Server {
	f.t.Helper()
	server := gitserver.HTTP(f.t, f.up)
	f.opts.URL = server.RepoURL(f.up)
	return server
}

func (f *fixture) ran(op string, _ time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops = append(f.ops, op)
}

// runs returns the git commands that have ended since it was called last.
func (f *fixture) runs() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	ops := f.ops
	f.ops = nil
	return ops
}

// try polls once.
func (f *fixture) try(ctx context.Context) (Target, error) {
	f.t.Helper()
	if f.remote == nil {
		f.remote = New(f.opts)
	}
	return f.remote.Resolve(ctx, git.Overlay{})
}

// poll polls once, and wants commit.
func (f *fixture) poll(commit string) Target {
	f.t.Helper()
	t, err := f.try(f.t.Context())
	if err != nil {
		f.t.Fatalf("poll: %v", err)
	}
	if t.Commit != commit {
		f.t.Fatalf("the remote is at %+v, want %s", t, commit)
	}
	return t
}

func TestPersistentPoll(t *testing.T) {
	for _, sha256 := range []bool{false, true} {
		f := newFixture(t, Options{Wanted: Wanted{Ref: "main", Poll: PollPersistent}}, gitserver.RepoOptions{SHA256: sha256})
		server := f.overHTTP()
		hash := f.up.Commit(map[string]string{"a": "1"})
		f.poll(hash)
		kept := f.remote.connection
		for range 3 {
			if f.poll(hash); f.remote.connection != kept || kept == nil {
				t.Fatal("the connection was not kept")
			}
		}
		f.poll(f.up.Commit(map[string]string{"a": "2"}))

		server.Fail(gitserver.Rule{Do: gitserver.Status(500)})
		if _, err := f.try(t.Context()); err == nil {
			t.Error("no error from a server that fails")
		}
		server.Heal()
		hash = f.up.Commit(map[string]string{"a": "3"})
		f.poll(hash) // asks by ls-remote once more: it says best what is wrong
		f.poll(hash)

		if f.remote.connection == nil {
			t.Fatal("no connection after the server recovered")
		}
		_ = f.remote.connection.close() // it is lost between two polls
		hash = f.up.Commit(map[string]string{"a": "4"})
		f.poll(hash)
		f.up.AnnotatedTag("v1", "main")
		f.remote.Close()
		f.opts.Ref, f.remote = "v1", nil
		if target := f.poll(hash); target.Name != "refs/tags/v1" || target.OID == hash {
			t.Errorf("%+v", target)
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
		"branch":                   {"main", nil, []string{"remote-http"}, []string{"refs/heads/main", "refs/tags/main"}},
		"HEAD":                     {"", nil, []string{"remote-http"}, []string{"HEAD"}},
		"an old server":            {"main", []git.KV{{Key: "protocol.version", Value: "0"}}, []string{"ls-remote"}, nil},
		"a patience of the user's": {"main", []git.KV{{Key: "http.http://127.0.0.1/.lowSpeedTime", Value: "60"}}, []string{"ls-remote"}, nil},
		"a URL that is rewritten": {
			"main",
			[]git.KV{{Key: "url.http://127.0.0.1.insteadOf", Value: "test:"}},
			[]string{"ls-remote"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{Wanted: Wanted{Ref: c.ref, Poll: PollPlain}, Config: c.config}, gitserver.RepoOptions{})
			server := f.overHTTP()
			hash := f.up.Commit(map[string]string{"a": "1"})
			f.poll(hash) // the first to ask, and to find that a server is old
			server.Reset()
			f.runs()
			f.poll(hash)
			if ops := f.runs(); !slices.Equal(ops, c.ops) {
				t.Errorf("a poll runs %q, want %q", ops, c.ops)
			}
			if got := asked(server); c.want != nil && (len(got) != 1 || !slices.Equal(got[0], c.want)) {
				t.Errorf("asked for %q, want %q", got, c.want)
			}
		})
	}
}

// A server that falls silent costs no more than the poll's time.
func TestPersistentPollSilence(t *testing.T) {
	f := newFixture(t, Options{Wanted: Wanted{Ref: "main", Poll: PollPersistent}}, gitserver.RepoOptions{})
	server := f.overHTTP()
	f.poll(f.up.Commit(map[string]string{"a": "1"}))
	server.Fail(gitserver.Rule{Do: gitserver.Silence()})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := f.try(ctx); git.KindOf(err) != git.KindTimeout {
		t.Errorf("a silent server: %v", err)
	}
	server.Heal()
	f.poll(f.up.Commit(map[string]string{"a": "2"}))
}

func TestResolve(t *testing.T) {
	f := newFixture(t, Options{}, gitserver.RepoOptions{})
	if _, err := f.try(t.Context()); git.KindOf(err) != git.KindEmptyRemote {
		t.Errorf("empty remote: %v", err)
	}
	first := f.up.Commit(map[string]string{"a": "1"})
	tag := f.up.AnnotatedTag("v1", first)
	f.up.Tag("main", first)
	second := f.up.Commit(map[string]string{"a": "2"})
	f.up.BranchAt("team/x", first)
	for ref, want := range map[string]Target{
		"":                {Commit: second, OID: second, Name: "HEAD"},
		"HEAD":            {Commit: second, OID: second, Name: "HEAD"},
		"main":            {Commit: second, OID: second, Name: "refs/heads/main"}, // a branch before a tag
		"refs/tags/main":  {Commit: first, OID: first, Name: "refs/tags/main"},
		"v1":              {Commit: first, OID: tag, Name: "refs/tags/v1"},
		"team/x":          {Commit: first, OID: first, Name: "refs/heads/team/x"},
		"heads/team/x":    {Commit: first, OID: first, Name: "refs/heads/team/x"},
		"refs/heads/main": {Commit: second, OID: second, Name: "refs/heads/main"},
		first:             {Commit: first, OID: first},
	} {
		f.opts.Ref, f.remote = ref, nil
		if got, err := f.try(t.Context()); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", ref, got, err, want)
		}
	}
	for _, ref := range []string{"nope", "refs/heads/nope", first[:12]} {
		f.opts.Ref, f.remote = ref, nil
		if _, err := f.try(t.Context()); git.KindOf(err) != git.KindRefNotFound {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func FuzzPackets(f *testing.F) {
	f.Add("0014version 2\n000cls-refs\n0000")
	f.Add("003d" + strings.Repeat("1", 40) + " refs/heads/main\n0000")
	f.Fuzz(func(_ *testing.T, s string) {
		refs := map[string]string{}
		_ = eachPacket(bufio.NewReader(strings.NewReader(s)), flushPacket, func(line string) error { return readRef(line, refs) })
	})
}

func FuzzParseRefs(f *testing.F) {
	f.Add(strings.Repeat("1", 40) + "\trefs/heads/main\n")
	f.Fuzz(func(t *testing.T, out string) {
		refs, err := parseRefs(out)
		for name, hash := range refs {
			if err == nil && !git.IsHash(hash) {
				t.Errorf("%q is at %q", name, hash)
			}
		}
	})
}
