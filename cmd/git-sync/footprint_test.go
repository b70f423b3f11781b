package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

const mebibyte = 1 << 20

// release builds the program as it is released, and returns its path.
func release(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "git-sync")
	build := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return path
}

// resident is a process's memory in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

func TestFootprint(t *testing.T) {
	path := release(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the stripped binary has %.1f MiB", float64(info.Size())/mebibyte)
	if info.Size() > 15*mebibyte {
		t.Error("that is more than 15 MiB")
	}
	for name, more := range map[string][]string{"alone": nil, "with server": {"--http-bind=" + harness.FreeAddress(t), "--http-metrics", "--http-pprof"}} {
		r := newRemote(t)
		root := t.TempDir()
		p := start(t, setup{path: path, args: args(r.url, root, append(more, "--period=100ms")...)})
		published(t, root, "one")
		r.repo.Commit(map[string]string{"file": "two"})
		published(t, root, "two")
		r.Reset()
		r.Await(gitserver.LsRefs, 5) // idle polls
		rss := resident(t, p.PID())
		t.Logf("idle, %s: %.1f MiB resident", name, float64(rss)/mebibyte)
		if rss > 20*mebibyte {
			t.Error("that is more than 20 MiB")
		}
		p.Signal(syscall.SIGTERM)
		p.Exits(exitDone)
	}
}

// TestFirstProcess runs the program as the first process of a container.
func TestFirstProcess(t *testing.T) {
	t.Parallel()
	in := []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}
	if os.Getuid() != 0 {
		in = append(in, "--user", "--map-root-user")
	}
	if out, err := exec.Command(in[0], append(in[1:], "true")...).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("unshare (Debian: util-linux): %v %s", err, out)
		}
		t.Skipf("needs unshare (Debian: util-linux) and the right to use it: %v %s", err, out)
	}
	r := newRemote(t)
	root := t.TempDir()
	orphan := script(t, "setsid sleep 0.2 >/dev/null 2>&1 & echo $! >"+filepath.Join(root, "orphan"))
	p := start(t, setup{with: in, args: args(r.url, root, "--period=100ms", "--exechook-command="+orphan)})
	published(t, root, "one")
	p.Logs("hook succeeded")
	first := family(p.PID())[0]
	harness.Until(t, "the orphan's end, without a zombie left", func() bool {
		b, _ := os.ReadFile(filepath.Join(root, "orphan"))
		return len(b) > 0 && !slices.ContainsFunc(family(first), func(pid int) bool {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			return strings.HasPrefix(string(b), "sleep") || strings.HasPrefix(string(b), "script")
		})
	})
	if _, state := parentAndState(first); state == "" {
		t.Fatal("it has ended")
	}
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.Exits(exitDone)
}
