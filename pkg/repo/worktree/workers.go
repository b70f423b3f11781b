package worktree

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// littleMemory is the memory limit, in bytes, below which one checkout process is faster than several: they only wait
// for the kernel to free memory. It was measured with 100,000 files (docs/performance.md).
const littleMemory = 192 << 20

// workers returns the number of git's checkout processes for a memory limit, in bytes; 0: none. It is twice the number
// of cores, because they wait for the disk half of the time (docs/performance.md), or one if there is little memory.
func workers(limit int64) int {
	if limit > 0 && limit < littleMemory {
		return 1
	}
	return min(2*runtime.NumCPU(), 8)
}

// memoryLimit returns the memory limit of a process's control group in bytes; 0 if there is none, or it cannot be read.
// groups is the process's list of groups, mount the directory of all groups (cgroups(7)). In a container, the paths in
// the list may be those of the host; then mount itself is the container's group.
func memoryLimit(groups, mount string) int64 {
	list, _ := os.ReadFile(groups) // unreadable: no limit is known
	for line := range strings.Lines(string(list)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 || fields[1] != "" && fields[1] != "memory" {
			continue
		}
		name := "memory.max" // version 2
		if fields[1] != "" {
			name = "memory.limit_in_bytes"
		}
		for _, group := range []string{fields[2], "/"} {
			text, err := os.ReadFile(filepath.Join(mount, fields[1], group, name))
			if limit, perr := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && perr == nil {
				return limit
			}
		}
	}
	return 0
}
