package gitserver_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"git-sync/test/gitserver"
)

// lsRemote asks as a user would; the environment's extra variables come last.
func lsRemote(t *testing.T, url string, env ...string) (string, error) {
	t.Helper()
	return gitserver.Run(t.TempDir(), env, "ls-remote", url, "refs/heads/main")
}

func TestSameCallsSameHashes(t *testing.T) {
	t.Setenv("GIT_AUTHOR_NAME", "somebody else")
	make3 := func() []string {
		r := gitserver.NewRepo(t)
		return []string{
			r.Commit(map[string]string{"a": "1", "dir/b c": "2"}),
			r.ForcePush(map[string]string{"a": "3"}),
			r.AnnotatedTag("v1", "main"),
		}
	}
	if a, b := make3(), make3(); !slices.Equal(a, b) {
		t.Errorf("hashes differ: %v %v", a, b)
	}
}

func TestRepo(t *testing.T) {
	for _, sha256 := range []bool{false, true} {
		r := gitserver.NewRepoWith(t, gitserver.RepoOptions{SHA256: sha256, Branch: "trunk"})
		first := r.Apply(gitserver.Change{
			Files:    map[string]string{"a": "1", `odd "name" \ here`: "x", "dir/b": "2"},
			Execs:    map[string]string{"run": "#!/bin/sh\n"},
			Symlinks: map[string]string{"link": "dir/b"},
		})
		second := r.Delete("dir")
		forced := r.ForcePush(map[string]string{"a": "2"})
		if got := r.Rev("HEAD~1"); got != first {
			t.Errorf("the forced commit's parent is %s, want %s (not %s)", got, first, second)
		}
		dir := r.Export(forced)
		for name, want := range map[string]string{"a": "2", "dir/b": "2", "link": "2", `odd "name" \ here`: "x"} {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v; want %q", name, got, err, want)
			}
		}
		if fi, err := os.Stat(filepath.Join(dir, "run")); err != nil || fi.Mode()&0o100 == 0 {
			t.Errorf("run is not executable: %v %v", fi, err)
		}
		if orphan := r.Apply(gitserver.Change{Branch: "other", Orphan: true, Files: map[string]string{"z": ""}}); r.Git("ls-tree", "--name-only", orphan) != "z\n" {
			t.Error("an orphan keeps nothing")
		}
		r.Tag("light", "trunk")
		r.AnnotatedTag("heavy", "trunk")
		r.BranchAt("side", first)
		if r.Rev("light") != forced || r.Rev("heavy^{}") != forced || r.Rev("heavy") == forced || r.Rev("side") != first {
			t.Error("tags or branches are not where they were put")
		}
		r.Unset("refs/heads/side")
		r.SetHEAD("other")
		if strings.Contains(r.Git("for-each-ref"), "side") || !strings.Contains(r.Git("symbolic-ref", "HEAD"), "other") {
			t.Error("a deleted branch is there, or HEAD did not move")
		}
	}
}

func TestBigTree(t *testing.T) {
	r := gitserver.NewRepo(t)
	r.BigTree(1000)
	r.BigChange(10, "v2")
	if got := strings.Count(r.Git("ls-tree", "-r", "main"), "\n"); got != 1000 {
		t.Errorf("%d files, want 1000", got)
	}
	if got := strings.Count(r.Git("diff", "--name-only", "main~1", "main"), "\n"); got != 10 {
		t.Errorf("%d changed files, want 10", got)
	}
}

func TestClonesPush(t *testing.T) {
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"a": "1"})
	s := gitserver.HTTP(t, r)
	one, two := gitserver.NewClone(t, s.RepoURL(r)), gitserver.NewClone(t, r.FileURL())
	one.Commit(map[string]string{"b/c": "1"})
	one.Push()
	two.Commit(map[string]string{"d": "1"})
	if _, err := two.Try("push", "--quiet", "origin", "HEAD"); err == nil {
		t.Error("a push that is not a fast-forward went through")
	}
	two.Push("--force")
	if two.Git("rev-parse", "HEAD") != r.Git("rev-parse", "main") {
		t.Error("the forced push is not there")
	}
	if s.Count(gitserver.Push) == 0 {
		t.Error("the push over http is not in the log")
	}
}

func TestLog(t *testing.T) {
	r := gitserver.NewRepo(t)
	hash := r.Commit(map[string]string{"a": "1"})
	s := gitserver.HTTP(t, r)
	if out, err := lsRemote(t, s.RepoURL(r)); err != nil || !strings.HasPrefix(out, hash) {
		t.Fatalf("%q, %v", out, err)
	}
	if s.Count(gitserver.Info) != 1 || s.Count(gitserver.LsRefs) != 1 || s.Count(gitserver.Fetch) != 0 {
		t.Errorf("log of ls-remote: %+v", s.Log())
	}
	s.Reset()
	gitserver.NewClone(t, s.RepoURL(r))
	if s.Count(gitserver.Fetch) != 1 {
		t.Fatalf("log of clone: %+v", s.Log())
	}
	if q := s.Log()[1]; !slices.Contains(q.Prefixes, "refs/heads/") || q.Protocol != "version=2" {
		t.Errorf("the request for refs: %+v", q)
	}
	if q := s.Log()[2]; !slices.Contains(q.Wants, hash) || q.Status != http.StatusOK || q.Sent == 0 {
		t.Errorf("the request for objects: %+v", q)
	}
}

func TestAuth(t *testing.T) {
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"a": "1"})
	s := gitserver.HTTP(t, r)
	header := func(h string) []string {
		return []string{"GIT_CONFIG_PARAMETERS='http.extraHeader'='" + h + "'"}
	}
	withUser := strings.Replace(s.RepoURL(r), "://", "://me:secret@", 1)
	for name, c := range map[string]struct {
		auth gitserver.Auth
		url  string
		env  []string
	}{
		"basic":  {gitserver.Basic("me", "secret"), withUser, nil},
		"bearer": {gitserver.Bearer("tok"), s.RepoURL(r), header("Authorization: Bearer tok")},
		"cookie": {gitserver.Cookie("c", "v"), s.RepoURL(r), header("Cookie: c=v")},
		"header": {gitserver.Header("X-Key", "v"), s.RepoURL(r), header("X-Key: v")},
		"any":    {gitserver.AnyOf(gitserver.Bearer("x"), gitserver.Basic("me", "secret")), withUser, nil},
	} {
		s.Require(c.auth)
		if _, err := lsRemote(t, c.url, c.env...); err != nil {
			t.Errorf("%s: the right credential was refused: %v", name, err)
		}
		if _, err := lsRemote(t, s.RepoURL(r)); err == nil {
			t.Errorf("%s: nobody was let in", name)
		}
	}
	s.Require(gitserver.Basic("me", "secret"))
	if _, err := lsRemote(t, strings.Replace(s.RepoURL(r), "://", "://me:wrong@", 1)); err == nil {
		t.Error("a wrong password was let in")
	}
	s.Require(nil)
	if _, err := lsRemote(t, s.RepoURL(r)); err != nil {
		t.Errorf("refused without need: %v", err)
	}
}

func TestFaults(t *testing.T) {
	r := gitserver.NewRepo(t)
	r.BigTree(300)
	s := gitserver.HTTP(t, r)
	other := gitserver.HTTP(t, r)
	fast := []string{"GIT_HTTP_LOW_SPEED_LIMIT=1000", "GIT_HTTP_LOW_SPEED_TIME=1"}
	open := make(chan struct{})
	close(open)
	for name, c := range map[string]struct {
		rule gitserver.Rule
		want string // in git's error; empty: it works
	}{
		"403":          {gitserver.Rule{Do: gitserver.Status(403)}, "error: 403"},
		"404":          {gitserver.Rule{Do: gitserver.Status(404)}, "not found"},
		"429":          {gitserver.Rule{Do: gitserver.RateLimited(2 * time.Minute)}, "error: 429"},
		"500":          {gitserver.Rule{On: gitserver.LsRefs, Do: gitserver.Status(500)}, "HTTP 500"},
		"401":          {gitserver.Rule{Do: gitserver.Status(401)}, "could not read Username"},
		"redirect":     {gitserver.Rule{Do: gitserver.Redirect(302, other.URL)}, ""},
		"silence":      {gitserver.Rule{Do: gitserver.Silence()}, "Operation too slow"},
		"trickle":      {gitserver.Rule{On: gitserver.Fetch, Do: gitserver.Trickle(time.Minute)}, "Operation too slow"},
		"cut at once":  {gitserver.Rule{On: gitserver.Fetch, Do: gitserver.CutAt(0)}, "fatal"},
		"cut at 2000":  {gitserver.Rule{On: gitserver.Fetch, Do: gitserver.CutAt(2000)}, "fatal"},
		"cut at half":  {gitserver.Rule{On: gitserver.Fetch, Do: gitserver.CutAtPercent(50)}, "fatal"},
		"slow":         {gitserver.Rule{On: gitserver.Fetch, Do: gitserver.Slow(1 << 20)}, ""},
		"late":         {gitserver.Rule{Do: gitserver.Delay(time.Millisecond)}, ""},
		"gate":         {gitserver.Rule{Do: gitserver.Gate(open)}, ""},
		"another kind": {gitserver.Rule{On: gitserver.Push, Do: gitserver.Status(500)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.Fail(c.rule)
			_, err := gitserver.Run(t.TempDir(), fast, "clone", "--depth=1", s.RepoURL(r), "x")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if other.Count(gitserver.Info) == 0 {
		t.Error("the redirection was not followed")
	}
	s.Heal()
	if _, err := lsRemote(t, s.RepoURL(r)); err != nil {
		t.Errorf("after healing: %v", err)
	}
	s.Fail(gitserver.Rule{Times: 2, Do: gitserver.Status(503)})
	for i, fails := range []bool{true, true, false} {
		if _, err := lsRemote(t, s.RepoURL(r)); (err != nil) != fails {
			t.Errorf("try %d: %v, want a failure: %v", i, err, fails)
		}
	}
}

func TestTLS(t *testing.T) {
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"a": "1"})
	s := gitserver.HTTPS(t, r)
	trust := "GIT_SSL_CAINFO=" + s.CAFile
	if _, err := lsRemote(t, s.RepoURL(r), trust); err != nil {
		t.Errorf("with the authority known: %v", err)
	}
	if _, err := lsRemote(t, s.RepoURL(r)); err == nil {
		t.Error("an unknown authority was trusted")
	}
	for _, c := range []gitserver.Certificate{gitserver.Expired, gitserver.WrongHost} {
		s.Present(c)
		if _, err := lsRemote(t, s.RepoURL(r), trust); err == nil {
			t.Errorf("certificate %q was trusted", c)
		}
	}
	s.Present(gitserver.Good)
	if _, err := lsRemote(t, s.RepoURL(r), trust); err != nil {
		t.Errorf("with a good certificate again: %v", err)
	}
}

func TestDaemonAndProxy(t *testing.T) {
	r := gitserver.NewRepo(t)
	r.BigTree(300)
	url := gitserver.Daemon(t, r)
	direct := strings.TrimPrefix(strings.TrimSuffix(url, "/"+r.Name()), "git://")
	p := gitserver.NewProxy(t, direct)
	proxied := "git://" + p.Addr + "/" + r.Name()
	clone := func(url string) error {
		_, err := gitserver.Run(t.TempDir(), nil, "clone", "--depth=1", url, "x")
		return err
	}
	for _, u := range []string{url, proxied} {
		if err := clone(u); err != nil {
			t.Error(err)
		}
	}
	for name, how := range map[string]gitserver.Treatment{
		"refused": {Refuse: true}, "cut": {CutAfter: 3000}, "cut while slow": {CutAfter: 3, Every: time.Millisecond},
	} {
		p.Treat(how)
		if err := clone(proxied); err == nil {
			t.Errorf("%s: it worked", name)
		}
	}
	if p.Accepted() != 4 {
		t.Errorf("%d connections, want 4", p.Accepted())
	}
	p.Treat(gitserver.Treatment{})
	if err := clone(proxied); err != nil {
		t.Error(err)
	}
}
