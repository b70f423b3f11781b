package gitea

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
	"git-sync/test/signing"
)

// TestGitea runs all that is tested with one server.
func TestGitea(t *testing.T) {
	s := Start(t)
	for name, test := range map[string]func(*testing.T, *Server){
		"credentials": testCredentials, "ssh refusals": testSSHRefusals, "lfs": testLFS, "submodules": testSubmodules,
		"signed": testSigned, "releases": testReleases, "rapid commits": testRapidCommits, "requests of a poll": testPollRequests, "refs of a poll": testPollRefs,
		"deliveries": testDeliveries, "renamed": testRenamed, "default branch": testDefaultBranch,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// once runs git-sync until something is published or a sync has failed.
func once(t *testing.T, args ...string) (root harness.Root, said string, code int) {
	t.Helper()
	dir := t.TempDir()
	root = harness.NewRoot(dir)
	said, code = harness.Run(t, harness.Command{Home: dir, Args: append([]string{
		"--root=" + root.Dir, "--link=link", "--one-time", "--log-format=json",
	}, args...)})
	return root, said, code
}

// publishes checks that git-sync publishes a commit.
func publishes(t *testing.T, commit string, args ...string) harness.Root {
	t.Helper()
	root, said, code := once(t, args...)
	if code != 0 || root.Published() != commit {
		t.Errorf("%s: exit code %d, published %q instead of %s\n%s", args, code, root.Published(), commit, said)
	}
	return root
}

// fails checks that git-sync fails, and says some things and others not.
func fails(t *testing.T, says, saysNot []string, args ...string) {
	t.Helper()
	_, said, code := once(t, args...)
	t.Logf("%s\n%s", args, said)
	if code != 1 {
		t.Errorf("%s: exit code %d", args, code)
	}
	for _, words := range says {
		if !strings.Contains(said, words) {
			t.Errorf("%s: it does not say %q", args, words)
		}
	}
	for _, words := range saysNot {
		if strings.Contains(said, words) {
			t.Errorf("%s: it says %q", args, words)
		}
	}
}

// network is advice for those who cannot reach the server.
var network = []string{"DNS", "firewall"}

func (s *Server) keyed(repo Repo, key string) []string {
	return []string{"--repo=" + repo.SSH(), "--ssh-key-file=" + key, "--ssh-known-hosts-file=" + s.KnownHosts}
}

func (u User) basic(t *testing.T, password string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	put(t, file, password+"\n")
	return []string{"--username=" + u.Name, "--password-file=" + file}
}

func testCredentials(t *testing.T, s *Server) {
	u := s.NewUser(t, "carol")
	repo := u.NewRepo(t, "docs")
	head := repo.Commit(t, "main", "file")
	url := "--repo=" + repo.HTTP()
	publishes(t, head, append(u.basic(t, u.Password), url)...)
	publishes(t, head, append(u.basic(t, u.Token(t)), url)...)
	file := filepath.Join(t.TempDir(), "password")
	put(t, file, u.Password)
	credential, err := json.Marshal([]map[string]string{{"url": s.URL, "username": u.Name, "password-file": file}})
	if err != nil {
		t.Fatal(err)
	}
	publishes(t, head, "--credential="+string(credential), url)
	publishes(t, head, s.keyed(repo, repo.DeployKey(t))...)
	fails(t, []string{"no credential is configured", "--password-file"}, network, url)
	fails(t, []string{"refused", "check that it is still valid"}, append(network, "wrong-password"), append(u.basic(t, "wrong-password"), url)...)
}

func testSSHRefusals(t *testing.T, s *Server) {
	u := s.NewUser(t, "sam")
	repo, other := u.NewRepo(t, "docs"), u.NewRepo(t, "other")
	key := repo.DeployKey(t)
	publishes(t, repo.Commit(t, "main", "file"), s.keyed(repo, key)...)
	fails(t, []string{"is not authorized to read " + other.path(), "this key may read it"}, network, s.keyed(other, key)...)
	missing := Repo{u, "missing"}
	fails(t, []string{"Cannot find repository: " + missing.path(), "check --repo"}, network, s.keyed(missing, key)...)
}

func testLFS(t *testing.T, s *Server) {
	u := s.NewUser(t, "lena")
	repo := u.NewRepo(t, "media")
	clone := gitserver.NewClone(t, repo.Login())
	clone.Git("lfs", "install", "--local", "--skip-repo") // no hook
	clone.Git("lfs", "track", "*.bin")
	clone.Commit(map[string]string{"big.bin": strings.Repeat("real content\n", 1000)})
	clone.Git("lfs", "push", "origin", "main")
	clone.Push()
	head := strings.TrimSpace(clone.Git("rev-parse", "HEAD"))
	over := map[string][]string{
		"http": append(u.basic(t, u.Password), "--repo="+repo.HTTP()),
		"ssh":  s.keyed(repo, repo.DeployKey(t)),
	}
	for name, args := range over {
		if got := publishes(t, head, args...).Content("big.bin"); !strings.HasPrefix(got, "real content\n") {
			t.Errorf("LFS over %s: %.100q", name, got)
		}
	}
	// The server loses the file.
	if err := os.RemoveAll(filepath.Join(s.Data, "lfs")); err != nil {
		t.Fatal(err)
	}
	for _, args := range over {
		fails(t, []string{"[404]", "big.bin"}, network, args...)
	}
}

func testSubmodules(t *testing.T, s *Server) {
	u, stranger := s.NewUser(t, "mona"), s.NewUser(t, "nina")
	theme := u.NewRepo(t, "theme")
	pinned := theme.Commit(t, "main", "css")
	main := u.NewRepo(t, "site")
	with := func(repo Repo, url, commit string) string {
		clone := gitserver.NewClone(t, repo.Login())
		clone.Git("update-index", "--add", "--cacheinfo", "160000,"+commit+",theme")
		put(t, filepath.Join(clone.Dir, ".gitmodules"), "[submodule \"theme\"]\n\tpath = theme\n\turl = "+url+"\n")
		clone.Git("add", ".gitmodules")
		clone.Git("commit", "--quiet", "--message=a submodule")
		clone.Push()
		return strings.TrimSpace(clone.Git("rev-parse", "HEAD"))
	}
	head := with(main, "../theme.git", pinned)
	login := u.basic(t, u.Password)
	if root := publishes(t, head, append(login, "--repo="+main.HTTP())...); root.Content("theme/css") != "content" {
		t.Error("the submodule is not checked out over http")
	}
	key := main.DeployKey(t) // which may not read the submodule
	fails(t, []string{"theme", "--credential"}, network, s.keyed(main, key)...)

	hidden := stranger.NewRepo(t, "hidden")
	commit := hidden.Commit(t, "main", "css")
	second := u.NewRepo(t, "second")
	with(second, "../../nina/hidden.git", commit)
	fails(t, []string{"theme", "--credential"}, append(network, "check --repo"), append(login, "--repo="+second.HTTP())...)
}

func testSigned(t *testing.T, s *Server) {
	u := s.NewUser(t, "sara")
	repo := u.NewRepo(t, "signed")
	up := gitserver.NewRepo(t)
	signer := signing.SSH(t)
	up.Commit(map[string]string{"file": "one"})
	good := signer.Commit(up, map[string]string{"file": "two"})
	up.Git("push", "--quiet", "--force", repo.Login(), "main:main")
	args := append(u.basic(t, u.Password), "--repo="+repo.HTTP(), "--verify=commit", "--verify-allowed-signers="+signer.Public)
	publishes(t, good, args...)
	repo.Commit(t, "main", "unsigned")
	fails(t, []string{"not signed"}, nil, args...)
}

// follower is a git-sync that polls once an hour.
type follower struct {
	*harness.Program
	harness.Root
	t    *testing.T
	http string
}

const secret = "correct horse battery staple"

func follow(t *testing.T, args ...string) *follower {
	t.Helper()
	return followWith(t, nil, args...)
}

func followWith(t *testing.T, env []string, args ...string) *follower {
	t.Helper()
	dir := t.TempDir()
	f := &follower{Root: harness.NewRoot(dir), t: t, http: harness.FreeAddress(t)}
	file := filepath.Join(dir, "secret")
	put(t, file, secret)
	f.Program = harness.Start(t, harness.Command{Home: dir, Env: env, Args: append([]string{
		"--root=" + f.Dir, "--link=link", "--period=1h", "--log-format=json", "-v=2", "--max-failures=-1", "--init-period=100ms",
		"--http-bind=" + f.http, "--receiver-bind=" + f.http, "--receiver-secret-file=" + file,
	}, args...)})
	t.Cleanup(f.Stop)
	return f
}

func (f *follower) webhook() string { return "http://" + f.http + "/webhook" }

// says waits for an entry of the log with a message and, in one of its fields, some words.
func (f *follower) says(msg, words string) map[string]any {
	f.t.Helper()
	var found map[string]any
	f.Until(fmt.Sprintf("%q with %q", msg, words), func() bool {
		i := slices.IndexFunc(f.Lines(msg), func(e map[string]any) bool { return strings.Contains(fmt.Sprint(e), words) })
		if i >= 0 {
			found = f.Lines(msg)[i]
		}
		return i >= 0
	})
	return found
}

func testReleases(t *testing.T, s *Server) {
	u := s.NewUser(t, "rita")
	repo := u.NewRepo(t, "product")
	release := func(tag string) string {
		head := repo.Commit(t, "main", "for-"+tag)
		repo.Call(t, "POST", "releases", map[string]any{"tag_name": tag, "target_commitish": "main", "name": tag}, nil)
		return head
	}
	first := release("v1.9.0")
	f := follow(t, append(u.basic(t, u.Password), "--repo="+repo.HTTP(), "--ref-semver=>=1 <2")...)
	f.Publishes(t, first)
	repo.Hook(t, f.webhook(), secret, "json")
	f.Publishes(t, release("v1.10.0"))
	release("v2.0.0")
	f.Publishes(t, release("v1.10.1"))
}

func testRapidCommits(t *testing.T, s *Server) {
	u := s.NewUser(t, "ruth")
	repo := u.NewRepo(t, "docs")
	first := repo.Commit(t, "main", "first")
	f := follow(t, append(u.basic(t, u.Password), "--repo="+repo.HTTP(), "--ref=main")...)
	f.Publishes(t, first)
	repo.Hook(t, f.webhook(), secret, "json")
	last := ""
	for i := range 30 {
		last = repo.Commit(t, "main", fmt.Sprintf("file-%d", i))
	}
	f.Publishes(t, last)
	t.Logf("30 commits: %d pushes received, %d publications", len(f.Lines("push received")), len(f.Lines("published revision")))
}

// testPollRequests: a poll of a private repository takes two requests, none of which is refused.
func testPollRequests(t *testing.T, s *Server) {
	u := s.NewUser(t, "paul")
	repo := u.NewRepo(t, "docs")
	head := repo.Commit(t, "main", "file")
	f := follow(t, append(u.basic(t, u.Password), "--repo="+repo.HTTP(), "--ref=main")...)
	f.Publishes(t, head)
	before := len(s.Requests(t, repo.path()+".git/"))
	status, body := post(t, f.webhook()+"?wait=1m")
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	requests := s.Requests(t, repo.path()+".git/")[before:]
	t.Logf("a poll: %q", requests)
	if len(requests) != 2 || strings.Contains(strings.Join(requests, "\n"), " 401") {
		t.Errorf("a poll makes these requests: %q", requests)
	}
}

// testPollRefs: a poll over ssh is answered with the ref in question and no other.
func testPollRefs(t *testing.T, s *Server) {
	u := s.NewUser(t, "piet")
	repo := u.NewRepo(t, "docs")
	head := repo.Commit(t, "main", "file")
	for i := range 20 {
		repo.Branch(t, fmt.Sprintf("other-%d", i))
	}
	dir := t.TempDir()
	ssh, answer := filepath.Join(dir, "ssh"), filepath.Join(dir, "answer")
	put(t, ssh, "#!/bin/sh\nssh \"$@\" | tee -a "+answer+"\n")
	if err := os.Chmod(ssh, 0o700); err != nil {
		t.Fatal(err)
	}
	args := append(s.keyed(repo, repo.DeployKey(t)), "--ref=main")
	f := followWith(t, []string{"GIT_SSH_COMMAND=" + ssh}, args...)
	f.Publishes(t, head)
	put(t, answer, "")
	if status, body := post(t, f.webhook()+"?wait=1m"); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	content, err := os.ReadFile(answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%q", content)
	if !strings.Contains(string(content), head+" refs/heads/main") || strings.Contains(string(content), "other-") {
		t.Error("that is not the answer about one ref")
	}
}
