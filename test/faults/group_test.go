package faults

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// TestAnotherUID: one root, used by processes of different UIDs of one group, in turn (fault W13): a pod's fsGroup.
func TestAnotherUID(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs to become other users (root)")
	}
	const group = 64242
	up := gitserver.NewRepo(t)
	server := gitserver.HTTP(t, up)
	up.BigTree(600) // enough to be recycled
	dir := shared(t)
	root := harness.NewRoot(dir)
	must(t, os.Mkdir(root.Dir, 0o770))
	must(t, os.Chown(root.Dir, 0, group))
	must(t, os.Chmod(root.Dir, 0o2770))
	program := copyOfProgram(t, dir) // the one that was built lies in a directory of this user's own
	for i := range 6 {
		hash := up.Commit(stamp(i))
		uid := uint32(64001 + i%2)
		said, code := harness.Run(t, harness.Command{
			Path: program, Home: dir, As: &syscall.Credential{Uid: uid, Gid: group}, Env: []string{"HOME=/nonexistent"},
			Args: append(root.Args(server.RepoURL(up)), "--ref=main", "--one-time", "--group-write",
				"--checkout=recycle", "--stale-worktree-timeout=0s", "--git-gc=always"),
		})
		if code != 0 {
			t.Fatalf("run %d, as UID %d: exit code %d\n%s", i, uid, code, said)
		}
		if got := root.Published(); got != hash {
			t.Fatalf("run %d, as UID %d: published %s, want %s", i, uid, got, hash)
		}
		if trees := root.Trees(); len(trees) != 1 {
			t.Errorf("run %d: trees %v are left", i, trees)
		}
		if trash := root.Trash(); len(trash) > 0 {
			t.Errorf("run %d: what the other UID has made cannot be removed: %v", i, trash)
		}
	}
}

// TestRefusedUnwritableRoot: a root that cannot be written to is refused at the start (fault E11), and the advice is never to change /.
func TestRefusedUnwritableRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs to become another user (root)")
	}
	up := gitserver.NewRepo(t)
	up.Commit(stamp(0))
	server := gitserver.HTTP(t, up)
	dir := shared(t)
	program := copyOfProgram(t, dir)
	must(t, os.Mkdir(filepath.Join(dir, "root"), 0o755))
	for advice, args := range map[string][]string{
		"chmod g+rwX":    {"--root=" + filepath.Join(dir, "root")},
		"set --root=DIR": nil, // below $HOME
	} {
		said, code := harness.Run(t, harness.Command{
			Path: program, Home: dir, As: &syscall.Credential{Uid: 64001, Gid: 64001}, Env: []string{"HOME=/nonexistent"},
			Args: append(args, "--repo="+server.RepoURL(up), "--max-failures=2", "--period=10ms"),
		})
		if code != 2 || !strings.Contains(said, "cannot start") || strings.Contains(said, "\"started\"") || !strings.Contains(said, advice) || strings.Contains(said, "directory / ") {
			t.Errorf("%v: exit code %d\n%s", args, code, said)
		}
	}
}

// shared is a directory that other users can reach, which a test's own are not.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := makeShared()
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func makeShared() (string, error) { return os.MkdirTemp("/tmp", "git-sync-shared-") }

// TestUnwritableRoot: a root that is published and up to date, but that another UID owns, fails at the first sync and not at the
// next push. What is published stays.
func TestUnwritableRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs to become another user (root)")
	}
	up := gitserver.NewRepo(t)
	server := gitserver.HTTP(t, up)
	hash := up.Commit(stamp(1))
	dir := shared(t)
	root := harness.NewRoot(dir)
	must(t, os.Mkdir(root.Dir, 0o755))
	program := copyOfProgram(t, dir)
	run := func(uid uint32) (string, int) {
		return harness.Run(t, harness.Command{
			Path: program, Home: dir, As: &syscall.Credential{Uid: uid, Gid: uid}, Env: []string{"HOME=/nonexistent"},
			Args: append(root.Args(server.RepoURL(up)), "--ref=main", "--one-time"),
		})
	}
	if said, code := run(0); code != 0 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	said, code := run(64001)
	if code != 1 || !strings.Contains(said, "git-sync can write to "+root.Dir+": permission denied") || !strings.Contains(said, "64001") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	if got := root.Published(); got != hash {
		t.Errorf("published %s, want %s", got, hash)
	}
}

// TestInPlaceInAnUnwritableDirectory: in place, only the published directory itself has to be writable. It may be a mount
// point in a directory of root's.
func TestInPlaceInAnUnwritableDirectory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs to become another user (root)")
	}
	up := gitserver.NewRepo(t)
	server := gitserver.HTTP(t, up)
	up.Commit(map[string]string{"a": "1"})
	dir := shared(t)
	root := harness.NewRoot(dir)
	site := filepath.Join(dir, "site")
	const uid = 64001
	for _, d := range []string{root.Dir, site} {
		must(t, os.Mkdir(d, 0o755))
		must(t, os.Chown(d, uid, uid))
	}
	said, code := harness.Run(t, harness.Command{
		Path: copyOfProgram(t, dir), Home: dir, As: &syscall.Credential{Uid: uid, Gid: uid}, Env: []string{"HOME=/nonexistent"},
		Args: []string{"--repo=" + server.RepoURL(up), "--ref=main", "--root=" + root.Dir, "--link=" + site, "--publish=in-place", "--one-time"},
	})
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if got, err := os.ReadFile(filepath.Join(site, "a")); err != nil || string(got) != "1" {
		t.Errorf("published is %q, %v", got, err)
	}
}

// copyOfProgram is the program where any user can run it.
func copyOfProgram(t *testing.T, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "git-sync")
	data, err := os.ReadFile(harness.Binary(t))
	must(t, err)
	harness.Executable(t, program, string(data))
	return program
}
