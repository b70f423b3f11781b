package sshserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/sshserver"
)

func git(t *testing.T, s *sshserver.Server, key string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = s.GitEnv(key)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestPushAndPull(t *testing.T) {
	s := sshserver.New(t)
	s.NewRepo("docs.git")
	s.PostReceive("docs.git", "#!/bin/sh\ncat > pushed\n")
	key := s.NewKey("alice")

	clone := filepath.Join(t.TempDir(), "clone")
	for _, args := range [][]string{
		{"init", "-q", "-b", "main", clone},
		{"-C", clone, "commit", "-q", "--allow-empty", "-m", "first"},
		{"-C", clone, "push", "-q", s.URL("docs.git"), "main"},
	} {
		if out, err := git(t, s, key, args...); err != nil {
			t.Fatalf("git %v: %v\n%s%s", args, err, out, s.Log())
		}
	}
	if pushed, err := os.ReadFile(filepath.Join(s.Dir, "docs.git", "pushed")); err != nil || !strings.Contains(string(pushed), "refs/heads/main") {
		t.Errorf("the hook was given %q, %v", pushed, err)
	}
}

func TestKeys(t *testing.T) {
	s := sshserver.New(t)
	s.NewRepo("one.git")
	s.NewRepo("two.git")
	all, one, unknown := s.NewKey("all"), s.NewKey("one", "one.git"), s.UnknownKey("unknown")

	reaches := func(key, repo string, want bool) {
		t.Helper()
		out, err := git(t, s, key, "ls-remote", s.URL(repo))
		if (err == nil) != want {
			t.Errorf("%s to %s: %v, want reached=%v\n%s%s", filepath.Base(key), repo, err, want, out, s.Log())
		}
	}
	reaches(all, "one.git", true)
	reaches(one, "one.git", true)
	reaches(one, "two.git", false)
	reaches(unknown, "one.git", false)
	s.Authorise(unknown)
	reaches(unknown, "one.git", true)
	s.Revoke(all)
	reaches(all, "one.git", false)
}

func TestStopAndStart(t *testing.T) {
	s := sshserver.New(t)
	s.NewRepo("docs.git")
	key := s.NewKey("alice")
	// A session that would last for ever must end with the server.
	session := exec.Command("sh", "-c", s.SSHCommand(key)+" -p "+s.Addr()[strings.LastIndex(s.Addr(), ":")+1:]+" 127.0.0.1 'echo up; exec sleep 1000'")
	session.Env = s.GitEnv(key)
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	s.Stop()
	if err := session.Wait(); err == nil {
		t.Error("the session outlived the server")
	}
	if out, err := git(t, s, key, "ls-remote", s.URL("docs.git")); err == nil {
		t.Errorf("a stopped server answered: %s", out)
	}
	s.Start()
	if out, err := git(t, s, key, "ls-remote", s.URL("docs.git")); err != nil {
		t.Errorf("after Start: %v\n%s%s", err, out, s.Log())
	}
	s.Stop()
	s.RotateHostKey()
	s.Start()
	if out, err := git(t, s, key, "ls-remote", s.URL("docs.git")); err != nil {
		t.Errorf("with the new host key: %v\n%s%s", err, out, s.Log())
	}
}
