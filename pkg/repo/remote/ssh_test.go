package remote

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// overSSH makes the fixture's upstream a real sshd's, and returns the file that
// gets a copy of what the server sends.
func (f *fixture) overSSH(config ...string) (server *sshserver.Server, received string) {
	f.t.Helper()
	server = sshserver.New(f.t, config...)
	key := server.NewKey("alice")
	if err := os.Symlink(f.up.Dir, filepath.Join(server.Dir, "r.git")); err != nil {
		f.t.Fatal(err)
	}
	f.opts.URL = server.URL("r.git")
	dir := f.t.TempDir()
	ssh, received := filepath.Join(dir, "ssh"), filepath.Join(dir, "received")
	script := fmt.Sprintf("#!/bin/sh\n%s \"$@\" | tee -a %s\n", server.SSHCommand(key), received)
	harness.Executable(f.t, ssh, script)
	f.opts.Git = f.opts.Git.With(git.Overlay{Env: []string{"GIT_SSH_COMMAND=" + ssh}})
	return server, received
}

// branches gives the upstream n more branches.
func (f *fixture) branches(n int, hash string) {
	f.t.Helper()
	var packed strings.Builder
	packed.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for i := range n {
		fmt.Fprintf(&packed, "%s refs/heads/b%05d\n", hash, i)
	}
	if err := os.WriteFile(filepath.Join(f.up.Dir, "packed-refs"), []byte(packed.String()), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// A poll over ssh is one ssh, and the server sends the refs in question alone,
// however many it has.
func TestPollOverSSH(t *testing.T) {
	for poll, sha256 := range map[Poll]bool{PollPlain: true, PollPersistent: false} {
		f := newFixture(t, Options{Wanted: Wanted{Ref: "main", Poll: poll}}, gitserver.RepoOptions{SHA256: sha256})
		server, received := f.overSSH()
		hash := f.up.Commit(map[string]string{"a": "1"})
		f.branches(10000, hash)
		f.poll(hash)
		if err := os.Remove(received); err != nil {
			t.Fatal(err)
		}
		f.runs()
		before := server.Logins()
		f.poll(f.up.Commit(map[string]string{"a": "2"}))
		if ops := f.runs(); !slices.Equal(ops, []string{"ssh"}) {
			t.Errorf("a poll runs %q", ops)
		}
		if n := server.Logins() - before; n != 1 {
			t.Errorf("a poll logs in %d times", n)
		}
		info, err := os.Stat(received)
		if err == nil {
			t.Logf("a poll of 10,000 branches: %d bytes", info.Size())
		}
		if err != nil || info.Size() > 4<<10 {
			t.Errorf("a poll of 10,000 branches: %d bytes, %v", info.Size(), err)
		}
		f.opts.Ref, f.remote = "v1", nil
		tag := f.up.AnnotatedTag("v1", "main")
		if target := f.poll(f.up.Rev("main")); target.OID != tag {
			t.Errorf("%+v", target)
		}
	}
}

// A server that does not speak protocol v2 is asked by git ls-remote.
func TestPollOverSSHOldServer(t *testing.T) {
	f := newFixture(t, Options{Wanted: Wanted{Ref: "main", Poll: PollPlain}}, gitserver.RepoOptions{})
	f.overSSH("SetEnv GIT_PROTOCOL=version=0") // the first wins
	f.poll(f.up.Commit(map[string]string{"a": "1"}))
	f.runs()
	f.poll(f.up.Commit(map[string]string{"a": "2"}))
	if ops := f.runs(); !slices.Equal(ops, []string{"ls-remote"}) {
		t.Errorf("a poll runs %q", ops)
	}
}

// What is wrong is said by git ls-remote, and a server that has recovered is
// polled as before.
func TestPollOverSSHFails(t *testing.T) {
	f := newFixture(t, Options{Wanted: Wanted{Ref: "main", Poll: PollPlain}}, gitserver.RepoOptions{})
	server, _ := f.overSSH()
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.poll(hash)
	server.Stop()
	if _, err := f.try(t.Context()); git.KindOf(err) != git.KindNetwork || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a server that is down: %v", err)
	}
	server.Start()
	f.poll(hash)
	f.runs()
	f.poll(hash)
	if ops := f.runs(); !slices.Equal(ops, []string{"ssh"}) {
		t.Errorf("after it recovered a poll runs %q", ops)
	}
}
