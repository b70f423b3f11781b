package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is the CPU that a running process and its descendants have used.
type usage struct {
	own      time.Duration // by the process itself, to the nanosecond
	live     time.Duration // by the descendants that run, and by the children of theirs that ended
	ended    time.Duration // by the children that it has waited for, in ticks: up to 20 ms too little
	children int           // that run
}

func (u usage) total() time.Duration { return u.own + u.live + u.ended }

// treeCPU looks at a process and its descendants. When a child is waited for, its time moves into the parent's: a look during
// which that happens might count it twice or not at all, so it is repeated until the children are the same before and after.
// A process that starts children all the time gets a few looks; the last one counts.
func treeCPU(pid int) (usage, error) {
	var u usage
	kids := children(pid)
	for range 5 {
		var err error
		if u, err = look(pid, kids); err != nil {
			return usage{}, err
		}
		before := kids
		if kids = children(pid); slices.Equal(before, kids) {
			break
		}
	}
	return u, nil
}

// look adds up the process and these children of it; a child that has gone is not counted here.
func look(pid int, kids []int) (usage, error) {
	var u usage
	var err error
	if u.own, err = ownCPU(pid); err != nil {
		return u, err
	}
	if u.ended, err = endedCPU(pid); err != nil {
		return u, err
	}
	for _, kid := range kids {
		if k, err := treeCPU(kid); err == nil {
			u.live += k.total()
			u.children++
		}
	}
	return u, nil
}

// ownCPU reads the clock that clock_getcpuclockid(3) gives for another process. Unlike the ticks in /proc/PID/stat it is exact,
// and unlike /proc/PID/task/*/schedstat it includes the threads that have ended, of which a Go program has many.
func ownCPU(pid int) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil { // 2: what the scheduler has counted
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// endedCPU is what a process's ended children used, with theirs. The kernel adds it up exactly and tells it in ticks of 10 ms.
func endedCPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; after it the fields count from 3 (proc(5)).
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for _, i := range []int{16, 17} { // cutime, cstime
		n, err := strconv.ParseInt(fields[i-3], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// children lists the direct children of a process.
func children(pid int) []int {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var pids []int
	for _, f := range files {
		text, _ := os.ReadFile(f)
		for field := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(field); err == nil {
				pids = append(pids, n)
			}
		}
	}
	slices.Sort(pids) // a thread that ends hands its children to another
	return pids
}
