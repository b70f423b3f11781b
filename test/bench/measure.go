package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"git-sync/test/gitserver"
)

// sample is what something cost once.
type sample struct {
	wall time.Duration
	cpu  time.Duration // of the process and all that it waited for
}

func (s sample) plus(o sample) sample { return sample{s.wall + o.wall, s.cpu + o.cpu} }

// command runs a program to its end; wait4 tells the CPU of the whole tree.
func (b *bench) command(dir, name string, args ...string) sample {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Dir, cmd.Env = dir, gitserver.Env("HOME="+b.home)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	wall := time.Since(began)
	if err != nil {
		b.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out.String())
	}
	return sample{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
}

// memory reads a field, in bytes, of a process's status: VmRSS is what is resident now, VmHWM the most there ever was.
func memory(pid int, field string) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}

// diskUse is what a directory takes, as du counts it; what vanishes meanwhile does not count.
func (b *bench) diskUse(dir string) int64 {
	out, err := exec.CommandContext(b.ctx, "du", "-s", "-B1", dir).Output()
	if err != nil && len(out) == 0 {
		b.Fatalf("du %s: %v", dir, err)
	}
	n, err := strconv.ParseInt(strings.Fields(string(out))[0], 10, 64)
	if err != nil {
		b.Fatalf("du %s: %v", dir, err)
	}
	return n
}
