package worktree

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryLimit(t *testing.T) {
	for name, c := range map[string]struct {
		groups string
		files  map[string]string
		want   int64
	}{
		"version 2":                {"0::/\n", map[string]string{"memory.max": "100663296\n"}, 96 << 20},
		"version 2, no limit":      {"0::/\n", map[string]string{"memory.max": "max\n"}, 0},
		"version 2, on a host":     {"0::/system.slice/x\n", map[string]string{"memory.max": "1\n", "system.slice/x/memory.max": "2\n"}, 2},
		"version 1":                {"5:cpu:/a\n4:memory:/a\n0::/a\n", map[string]string{"memory/a/memory.limit_in_bytes": "7\n"}, 7},
		"version 1, another mount": {"4:memory:/docker/1\n", map[string]string{"memory/memory.limit_in_bytes": "7\n"}, 7},
		"neither":                  {"", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			groups := filepath.Join(dir, "groups")
			write := func(name, content string) {
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write(groups, c.groups)
			for name, content := range c.files {
				write(filepath.Join(dir, "cgroup", name), content)
			}
			if got := memoryLimit(groups, filepath.Join(dir, "cgroup")); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

func TestWorkers(t *testing.T) {
	for limit, one := range map[int64]bool{0: false, 96 << 20: true, 192<<20 - 1: true, 192 << 20: false, 1 << 62: false} {
		if n := workers(limit); (n == 1) != one {
			t.Errorf("a limit of %d bytes: %d processes", limit, n)
		}
	}
}
