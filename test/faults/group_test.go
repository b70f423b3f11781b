package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"git-sync/test/gitserver"
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
	root := filepath.Join(dir, "root")
	must(t, os.Mkdir(root, 0o770))
	must(t, os.Chown(root, 0, group))
	must(t, os.Chmod(root, 0o2770))
	program := filepath.Join(dir, "git-sync") // the one that was built lies in a directory of this user's own
	data, err := os.ReadFile(binary(t))
	must(t, err)
	must(t, os.WriteFile(program, data, 0o755))
	for i := range 6 {
		hash := up.Commit(stamp(i))
		uid := uint32(64001 + i%2)
		cmd := exec.Command(program, "--repo="+server.RepoURL(up), "--ref=main", "--root="+root, "--link=link", "--one-time", "--group-write",
			"--checkout=recycle", "--stale-worktree-timeout=0s", "--git-gc=always")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TMPDIR=" + dir}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: group}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("run %d, as UID %d: %v\n%s", i, uid, err, out)
		}
		target, err := os.Readlink(filepath.Join(root, "link"))
		must(t, err)
		if filepath.Base(target) != hash {
			t.Fatalf("run %d, as UID %d: published %s, want %s", i, uid, target, hash)
		}
		if trees, _ := filepath.Glob(filepath.Join(root, ".worktrees/*")); len(trees) != 1 {
			t.Errorf("run %d: trees %v are left", i, trees)
		}
		if trash, _ := filepath.Glob(filepath.Join(root, ".git/git-sync/trash/*")); len(trash) > 0 {
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
