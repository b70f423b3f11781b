package checkout

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// TestGroupWrite: whatever the umask, and at every sync.
func TestGroupWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.modules()
	for _, umask := range []string{"022", "077", "007"} {
		w.up.Commit(map[string]string{"README": umask, "new/" + umask: "x"})
		w.sync(umask, "--group-write", "--touch-file=touched", "--error-file=error.json", "--depth=0")
		w.groupWritable()
	}
	w.sync("022", "--depth=0")
	w.fileMode(0o644, "README", "theme/css")
}

// TestPermissionsChange: any of them, between two runs on one root.
func TestPermissionsChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.modules()
	for _, step := range []struct {
		args string
		mode os.FileMode
	}{
		{"", 0o644},
		{"--change-permissions=0755", 0o755},
		{"--change-permissions=0600", 0o600},
		{"--group-write", 0o664},
		{"--change-permissions=0440 --group-write", 0o440},
		{"--change-permissions=493", 0o755},
		{"", 0o644},
	} {
		w.sync("022", step.args)
		w.fileMode(step.mode, "README", "guide/index", "theme/css")
		made := w.Made(t)
		w.sync("022", step.args)
		if w.Made(t) != made {
			t.Errorf("%s: nothing new, but the tree is made anew", step.args)
		}
	}
}

// TestSparseAndPartial: each alone, both, and neither, one after the other on one root.
func TestSparseAndPartial(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.modules()
	must(t, os.WriteFile(filepath.Join(w.dir, "patterns"), []byte("/guide/\n"), 0o644))
	sparse, partial := "--sparse-checkout-file=/tmp/patterns", "--filter=blob:none"
	for _, args := range []string{"", sparse, sparse + " " + partial, partial, "--filter=tree:0 " + sparse, sparse + " --depth=0", ""} {
		w.sync("022", args)
		if strings.Contains(args, sparse) {
			w.published(args, "guide/index", "!README", "!theme/css")
		} else {
			w.published(args, "guide/index", "README", "theme/icons/icon")
		}
		out, err := gitserver.Run(w.Path(""), nil, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
		must(t, err)
		if blobs := strings.Count(out, "blob"); args == sparse+" "+partial && blobs != 1 { // guide/index; no submodule is within the patterns
			t.Errorf("%s: %d files are fetched, want 1", args, blobs)
		}
	}
}

// TestGit: another command is run, wherever git is run.
func TestGit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.modules()
	real, err := exec.LookPath("git")
	must(t, err)
	wrapper, used := filepath.Join(w.dir, "my-git"), filepath.Join(w.dir, "used")
	harness.Executable(t, wrapper, "#!/bin/sh\necho \"$*\" >> "+used+"\nexec "+real+" \"$@\"\n")
	w.sync("022", "--git="+wrapper)
	w.published("", "theme/icons/icon")
	for _, command := range []string{"version", "fetch", "read-tree"} {
		if !strings.Contains(string(content(t, used)), command) {
			t.Errorf("git %s was not run as told:\n%s", command, content(t, used))
		}
	}
	if said, err := w.run("git-sync --repo=x --root=/tmp/git --one-time --git=/nowhere/git"); err == nil || !strings.Contains(said, "/nowhere/git") {
		t.Errorf("a git that is not there: %v\n%s", err, said)
	}
}

// TestGitConfigChangesContent: and another value makes another tree of the same commit.
func TestGitConfigChangesContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.modules()
	for _, crlf := range []bool{false, true, false} {
		w.sync("022", fmt.Sprintf("--git-config=core.autocrlf:%t", crlf))
		w.holds("README", map[bool]string{false: "first\n", true: "first\r\n"}[crlf])
	}
}

// TestGarbage: whatever --git-gc says the syncs succeed, and unless it is off the disk does not fill. The value changes on the
// way, on one root.
func TestGarbage(t *testing.T) {
	for _, gc := range []string{"auto", "always", "aggressive", "off"} {
		t.Run(gc, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			const size, pushes = 300 << 10, 6
			for i := range pushes {
				w.up.Commit(map[string]string{"big": noise(i, size)})
				w.sync("022", "--git-gc=off")
			}
			if got := w.objects(); got < pushes*size {
				t.Fatalf("%d bytes of objects: something has been collected, though that is off", got)
			}
			hash := w.up.Commit(map[string]string{"big": noise(pushes, size)})
			p := w.start("--git-gc=" + gc)
			w.Publishes(t, hash)
			p.Until("a small store", func() bool { return gc == "off" || w.objects() < 2*size })
			w.holds("big", noise(pushes, size))
		})
	}
}

// objects is how many bytes the store's objects have. They may be changed meanwhile.
func (w *world) objects() int64 {
	bytes := int64(0)
	packs, _ := filepath.Glob(filepath.Join(w.Store(), "objects/??*/*"))
	for _, name := range packs {
		if info, err := os.Lstat(name); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// noise is bytes that do not compress, the same for the same seed.
func noise(seed, n int) string {
	b := make([]byte, n)
	x := uint32(seed + 1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return string(b)
}
