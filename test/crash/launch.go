//go:build amd64 || arm64

package crash

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// launchVar in the environment makes the test binary a launcher.
const launchVar = "GITSYNC_TEST_LAUNCH"

// Launch is to be called first thing in TestMain. In a process that [Run] has started it puts the filter in force that stops
// at system calls of interest, and becomes the program; elsewhere it returns at once.
func Launch() {
	if os.Getenv(launchVar) == "" {
		return
	}
	if err := launch(); err != nil {
		fmt.Fprintln(os.Stderr, "launching:", err)
	}
	os.Exit(125)
}

func launch() error {
	if len(os.Args) < 2 {
		return errors.New("no program")
	}
	takes, err := strconv.ParseBool(os.Getenv(launchVar))
	if err != nil {
		return err
	}
	if err := os.Unsetenv(launchVar); err != nil {
		return err
	}
	runtime.LockOSThread() // the filter is this thread's, and execve keeps this thread alone
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	code := filter(takes)
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
}

// filter stops at the calls of interest and lets everything else pass. What it looks at is a struct seccomp_data: the number
// at 0, and the lower half of argument n at 16+8n.
func filter(takes bool) []unix.SockFilter {
	const number, argument = 0, 16
	stop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE}
	pass := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	equal := func(k uint64, jf uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: jf, K: uint32(k)}
	}
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	code := []unix.SockFilter{load(number)}
	all := callsOf(takes)
	maps.Copy(all, execCalls())
	for _, nr := range slices.Sorted(maps.Keys(all)) {
		if open := all[nr].open; open >= 0 && !takes {
			code = append(code, equal(nr, 4), load(uint32(argument+8*open)),
				unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jf: 1, K: writing}, stop, pass)
			continue
		}
		code = append(code, equal(nr, 1), stop)
	}
	return append(code, pass)
}

// callsOf are the calls of interest.
func callsOf(takes bool) map[uint64]shape {
	all := changingCalls()
	if takes {
		maps.Copy(all, takingCalls())
	}
	return all
}
