// Package conformance makes the same syncs over every transport, with the program itself: whatever way a repository is reached,
// what is published is the same.
package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/program"
	"git-sync/test/sshserver"
)

var binary string

func TestMain(m *testing.M) { os.Exit(program.Main(m, &binary)) }

// transport is one way to reach the repositories in a directory.
type transport struct {
	root string                       // the directory
	url  func(*gitserver.Repo) string // where one of them is found
	args []string                     // what git-sync needs besides
}

func transports() map[string]func(*testing.T) transport {
	return map[string]func(*testing.T) transport{
		"file": func(t *testing.T) transport {
			return transport{root: t.TempDir(), url: (*gitserver.Repo).FileURL, args: []string{"--git-config=protocol.file.allow:always"}}
		},
		"http": func(t *testing.T) transport {
			// A server has a directory, and a directory begins with a repository.
			s := gitserver.HTTP(t, gitserver.NewRepoWith(t, gitserver.RepoOptions{Name: "first.git"}))
			return transport{root: s.Root, url: s.RepoURL}
		},
		"git": func(t *testing.T) transport {
			first := gitserver.NewRepoWith(t, gitserver.RepoOptions{Name: "first.git"})
			base := strings.TrimSuffix(gitserver.Daemon(t, first), first.Name())
			return transport{root: filepath.Dir(first.Dir), url: func(r *gitserver.Repo) string { return base + r.Name() }}
		},
		"ssh": func(t *testing.T) transport {
			s := sshserver.New(t)
			return transport{
				root: s.Dir, url: func(r *gitserver.Repo) string { return s.URL(r.Name()) },
				args: []string{"--ssh-key-file=" + s.NewKey("reader"), "--ssh-known-hosts-file=" + s.KnownHosts},
			}
		},
	}
}

// TestConformance runs through the life of a repository on one root, over each transport.
func TestConformance(t *testing.T) {
	for name, make := range transports() {
		for _, sha256 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/sha256=%t", name, sha256), func(t *testing.T) {
				t.Parallel()
				via := make(t)
				s := &scenario{t: t, via: via, dir: t.TempDir()}
				s.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: via.root, Name: "up.git", SHA256: sha256})
				s.sub = gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: via.root, Name: "sub.git", SHA256: sha256})
				s.run()
			})
		}
	}
}

type scenario struct {
	t       *testing.T
	via     transport
	up, sub *gitserver.Repo
	dir     string
}

func (s *scenario) run() {
	up := s.up
	if said, err := s.try(); err == nil || !strings.Contains(said, "empty") {
		s.t.Errorf("an empty repository: %v\n%s", err, said)
	}
	first := up.Commit(map[string]string{"a": "1", "dir/b": "2"})
	s.publishes("the first sync", first)
	made := s.inode()
	s.publishes("nothing new", first)
	if s.inode() != made {
		s.t.Error("nothing new, but the tree has been made anew")
	}
	second := up.Apply(gitserver.Change{Delete: []string{"a"}, Execs: map[string]string{"run": "#!/bin/sh\n"}, Symlinks: map[string]string{"l": "dir/b"}})
	s.publishes("an update", second)
	s.history("an update", 1)
	up.AnnotatedTag("v1", first)
	s.publishes("a tag", first, "--ref=v1")
	s.publishes("a full name", second, "--ref=refs/heads/main")
	s.publishes("a hash", first, "--ref="+first)
	forced := up.ForcePush(map[string]string{"a": "forced"})
	s.publishes("a force-push", forced)
	s.publishes("all of its history", forced, "--depth=0")
	s.history("all of its history", 2)
	s.publishes("little of its history", forced, "--depth=1")

	commit := s.sub.Commit(map[string]string{"s": "submodule"})
	s.publishes("a submodule", up.Apply(gitserver.Change{
		Files:    map[string]string{".gitmodules": "[submodule \"sub\"]\n\tpath = sub\n\turl = ../sub.git\n"},
		Gitlinks: map[string]string{"sub": commit},
	}))
	if b, err := os.ReadFile(filepath.Join(s.link(), "sub/s")); err != nil || string(b) != "submodule" {
		s.t.Errorf("the submodule's file: %q, %v", b, err)
	}
	s.publishes("no submodules", up.Rev("main"), "--submodules=off")

	if said, err := s.try("--ref=nope"); err == nil || !strings.Contains(said, "nope") || !strings.Contains(said, "--ref") {
		s.t.Errorf("a ref that is not there: %v\n%s", err, said)
	}
	s.publishes("a partial clone", up.Rev("main"), "--filter=blob:none")
}

// try runs git-sync once, and returns what it says.
func (s *scenario) try(more ...string) (string, error) {
	args := append([]string{"--repo=" + s.via.url(s.up), "--root=" + filepath.Join(s.dir, "root"), "--link=link", "--one-time", "--max-failures=1"}, s.via.args...)
	cmd := exec.Command(binary, append(args, more...)...)
	cmd.Env = program.Env(s.dir)
	said, err := cmd.CombinedOutput()
	return string(said), err
}

func (s *scenario) link() string { return filepath.Join(s.dir, "root/link") }

// publishes checks that a sync publishes exactly what plain git checks out.
func (s *scenario) publishes(what, hash string, more ...string) {
	s.t.Helper()
	if said, err := s.try(more...); err != nil {
		s.t.Fatalf("%s: %v\n%s", what, err, said)
	}
	if target, _ := os.Readlink(s.link()); filepath.Base(target) != hash {
		s.t.Fatalf("%s: published is %s, want %s", what, target, hash)
	}
	out, err := exec.Command("diff", "-r", "--no-dereference", "--exclude=.git", "--exclude=sub", s.up.Export(hash), s.link()+"/").CombinedOutput()
	if err != nil {
		s.t.Errorf("%s: differs from a plain checkout: %v\n%s", what, err, out)
	}
	if out, err := gitserver.Run(s.link(), nil, "status", "--porcelain", "--ignore-submodules=none"); err != nil || out != "" {
		s.t.Errorf("%s: git status in the published tree: %q, %v", what, out, err)
	}
}

// history checks how many commits are there.
func (s *scenario) history(what string, want int) {
	s.t.Helper()
	out, err := gitserver.Run(s.link(), nil, "rev-list", "--count", "HEAD")
	if err != nil || strings.TrimSpace(out) != fmt.Sprint(want) {
		s.t.Errorf("%s: %s commits, %v; want %d", what, strings.TrimSpace(out), err, want)
	}
}

// inode identifies the published tree.
func (s *scenario) inode() string {
	s.t.Helper()
	info, err := os.Stat(filepath.Join(s.link(), ".git"))
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(info.ModTime())
}
