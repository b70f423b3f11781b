//go:build amd64 || arm64

package crash

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func absolute(pid int, dir int32, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(fdPath(pid, dir), path)
}

// fdPath is what a process's descriptor is open for; of pipes and the like it is no absolute path.
func fdPath(pid int, fd int32) string {
	name := fmt.Sprintf("/proc/%d/fd/%d", pid, fd)
	if fd == unix.AT_FDCWD {
		name = fmt.Sprintf("/proc/%d/cwd", pid)
	}
	path, _ := os.Readlink(name) // gone: no path
	return strings.TrimSuffix(path, " (deleted)")
}

// readString reads a path from a process's memory.
func readString(pid int, addr uint64) string {
	var out []byte
	page := uint64(os.Getpagesize())
	for len(out) < unix.PathMax {
		buf := make([]byte, page-(addr+uint64(len(out)))%page)
		n, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &buf[0], Len: uint64(len(buf))}},
			[]unix.RemoteIovec{{Base: uintptr(addr) + uintptr(len(out)), Len: len(buf)}}, 0)
		if err != nil || n <= 0 {
			break
		}
		if i := strings.IndexByte(string(buf[:n]), 0); i >= 0 {
			return string(append(out, buf[:i]...))
		}
		out = append(out, buf[:n]...)
	}
	return string(out)
}

// readArgs reads the first few arguments given to an execve.
func readArgs(pid int, addr uint64) string {
	var words []string
	for i := range uint64(4) {
		ptr, ok := readWord(pid, addr+8*i)
		if !ok || ptr == 0 {
			break
		}
		words = append(words, readString(pid, ptr))
	}
	return strings.Join(words, " ")
}

// readWord reads 64 bits from a process's memory.
func readWord(pid int, addr uint64) (uint64, bool) {
	var word [8]byte
	n, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &word[0], Len: 8}}, []unix.RemoteIovec{{Base: uintptr(addr), Len: 8}}, 0)
	return binary.NativeEndian.Uint64(word[:]), err == nil && n == 8
}
