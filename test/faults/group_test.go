package faults

import (
	"os"
	"path/filepath"
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
	program := filepath.Join(dir, "git-sync") // the one that was built lies in a directory of this user's own
	data, err := os.ReadFile(harness.Binary(t))
	must(t, err)
	must(t, os.WriteFile(program, data, 0o755))
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
