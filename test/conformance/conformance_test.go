// Package conformance makes the same syncs over every transport, with the program itself: whatever way a repository is reached,
// what is published is the same.
package conformance

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

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
				s := &scenario{Root: harness.NewRoot(t.TempDir()), t: t, via: via}
				s.up = gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: via.root, Name: "up.git", SHA256: sha256})
				s.sub = gitserver.NewRepoWith(t, gitserver.RepoOptions{Root: via.root, Name: "sub.git", SHA256: sha256})
				s.run()
			})
		}
	}
}

type scenario struct {
	harness.Root
	t       *testing.T
	via     transport
	up, sub *gitserver.Repo
}

func (s *scenario) run() {
	up := s.up
	if said, code := s.try(); code == 0 || !strings.Contains(said, "empty") {
		s.t.Errorf("an empty repository: exit code %d\n%s", code, said)
	}
	first := up.Commit(map[string]string{"a": "1", "dir/b": "2"})
	s.publishes("the first sync", first)
	made := s.Made(s.t)
	s.publishes("nothing new", first)
	if s.Made(s.t) != made {
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
	if got := s.Content("sub/s"); got != "submodule" {
		s.t.Errorf("the submodule's file: %q", got)
	}
	s.publishes("no submodules", up.Rev("main"), "--submodules=off")

	if said, code := s.try("--ref=nope"); code == 0 || !strings.Contains(said, "nope") || !strings.Contains(said, "--ref") {
		s.t.Errorf("a ref that is not there: exit code %d\n%s", code, said)
	}
	s.publishes("a partial clone", up.Rev("main"), "--filter=blob:none")
}

// try runs git-sync once, and returns what it says.
func (s *scenario) try(more ...string) (said string, code int) {
	args := append(append(s.Args(s.via.url(s.up)), "--one-time", "--max-failures=1"), s.via.args...)
	return harness.Run(s.t, harness.Command{Args: append(args, more...)})
}

// publishes checks that a sync publishes exactly what plain git checks out.
func (s *scenario) publishes(what, hash string, more ...string) {
	s.t.Helper()
	if said, code := s.try(more...); code != 0 {
		s.t.Fatalf("%s: exit code %d\n%s", what, code, said)
	}
	if got := s.Published(); got != hash {
		s.t.Fatalf("%s: published is %s, want %s", what, got, hash)
	}
	out, err := exec.Command("diff", "-r", "--no-dereference", "--exclude=.git", "--exclude=sub", s.up.Export(hash), s.Link+"/").CombinedOutput()
	if err != nil {
		s.t.Errorf("%s: differs from a plain checkout: %v\n%s", what, err, out)
	}
	if out, err := gitserver.Run(s.Link, nil, "status", "--porcelain", "--ignore-submodules=none"); err != nil || out != "" {
		s.t.Errorf("%s: git status in the published tree: %q, %v", what, out, err)
	}
}

// history checks how many commits are there.
func (s *scenario) history(what string, want int) {
	s.t.Helper()
	out, err := gitserver.Run(s.Link, nil, "rev-list", "--count", "HEAD")
	if err != nil || strings.TrimSpace(out) != fmt.Sprint(want) {
		s.t.Errorf("%s: %s commits, %v; want %d", what, strings.TrimSpace(out), err, want)
	}
}
