package main

import (
	"encoding/binary"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/syncer"
)

// What is resident of us while we wait is the heap, the runtime's tables, and those pages of our executable that have been
// used: the last are most of it, since start-up and a first sync use most of what there is, and the kernel maps 64 KiB around
// each page that is touched. Measured (2026-11-21, go 1.26, server and metrics on): 15.3 MiB, of which 11.1 are the executable's;
// with what is done here, 11.3. Without a server it is 10.7, after a minute of scrapes and status pages 14.9.

const (
	// gcPercent and memoryLimit keep the collector at work while there is little to collect: what git holds is not in our memory.
	gcPercent   = 25
	memoryLimit = 64 << 20
)

// tuneRuntime bounds our own memory and keeps us on one processor, unless the user has set Go's variables for it. What takes
// time is done by git; of ours, a second processor would only make two threads look for work where there is none, which is
// a third of what an idle poll costs us. And the collector runs while there is little to collect: who runs for weeks needs
// little memory more than little CPU. It is for runs that loop: to a one-time run it costs a millisecond, and is worth
// nothing before that ends.
func tuneRuntime(env func(string) string) {
	if env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if env("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if env("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// forgoSamples has the runtime take no note of where memory was taken: that is for the heap profile of --http-pprof, and its
// table takes a megabyte.
func forgoSamples() { runtime.MemProfileRate = 0 }

// leanAfter is how long after a publication memory is given back: the next one would take it again, and giving it back costs
// as much CPU as the publication of a small tree.
const leanAfter = 2 * time.Second

// leanOn returns an observer of the loop that gives memory back when nothing has been published for a while. Publishing uses
// a lot that is not used while waiting.
func leanOn(observe func(syncer.Report)) func(syncer.Report) {
	var last string
	var due *time.Timer
	return func(r syncer.Report) {
		observe(r)
		if r.Running || r.LastResult != syncer.ResultSuccess || r.Hash == last {
			return
		}
		last = r.Hash
		if due != nil {
			due.Stop()
		}
		due = time.AfterFunc(leanAfter, func() {
			debug.FreeOSMemory()
			unmapExecutable()
		})
	}
}

// unmapExecutable lets go of the pages of our executable; those that are used again come back from the page cache. It touches
// only what cannot have been changed in memory: the code, and the constants too where no linker relocates them at start.
func unmapExecutable() {
	self, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	constants := isFixed(self)
	for line := range strings.Lines(string(maps)) { // 00400000-00a4f000 r-xp 00000000 fe:01 1234   /git-sync
		fields := strings.Fields(line)
		if len(fields) != 6 || fields[5] != self {
			continue
		}
		if mode := fields[1]; mode == "r-xp" || mode == "r--p" && constants {
			forget(fields[0])
		}
	}
}

// isFixed says whether an ELF file is linked to fixed addresses (type ET_EXEC), so that nothing in it is relocated.
func isFixed(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	var header [18]byte // e_ident, e_type
	const etExec = 2
	_, err = f.ReadAt(header[:], 0)
	return err == nil && binary.NativeEndian.Uint16(header[16:]) == etExec
}

// forget tells the kernel that a range of addresses, "00400000-00a4f000", is not needed for now.
func forget(addresses string) {
	from, to, _ := strings.Cut(addresses, "-")
	start, err1 := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	if err1 == nil && err2 == nil {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED)
	}
}
