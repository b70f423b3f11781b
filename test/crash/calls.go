//go:build amd64

package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// shape says where a system call's arguments name what it changes.
type shape struct {
	name string
	path int // argument that points to the path; -1: none
	at   int // argument with the directory that the path is relative to; -1: the working directory
	fd   int // argument with the file itself; -1: none
	to   int // argument that points to a second path, which at+2 or the working directory is for; -1: none
	open int // argument with the flags of open(2); -1: none
}

func pathCall(name string, path int) shape {
	return shape{name: name, path: path, at: -1, fd: -1, to: -1, open: -1}
}

func atCall(name string, at, path int) shape {
	return shape{name: name, path: path, at: at, fd: -1, to: -1, open: -1}
}

func fdCall(name string, fd int) shape {
	return shape{name: name, path: -1, at: -1, fd: fd, to: -1, open: -1}
}

func twoPaths(name string) shape { return shape{name: name, path: 0, at: -1, fd: -1, to: 1, open: -1} }

func twoPathsAt(name string) shape { return shape{name: name, path: 1, at: 0, fd: -1, to: 3, open: -1} }

// execCalls start programs; they are points of their own.
func execCalls() map[uint64]shape {
	return map[uint64]shape{
		unix.SYS_EXECVE:   pathCall("execve", 0),
		unix.SYS_EXECVEAT: atCall("execveat", 0, 1),
	}
}

// changingCalls are the system calls that change the disk, or order what is written to it.
func changingCalls() map[uint64]shape {
	return map[uint64]shape{
		unix.SYS_OPEN:            {name: "open", path: 0, at: -1, fd: -1, to: -1, open: 1},
		unix.SYS_OPENAT:          {name: "openat", path: 1, at: 0, fd: -1, to: -1, open: 2},
		unix.SYS_CREAT:           pathCall("creat", 0),
		unix.SYS_WRITE:           fdCall("write", 0),
		unix.SYS_PWRITE64:        fdCall("pwrite64", 0),
		unix.SYS_WRITEV:          fdCall("writev", 0),
		unix.SYS_PWRITEV:         fdCall("pwritev", 0),
		unix.SYS_SENDFILE:        fdCall("sendfile", 0),
		unix.SYS_COPY_FILE_RANGE: fdCall("copy_file_range", 2),
		unix.SYS_FTRUNCATE:       fdCall("ftruncate", 0),
		unix.SYS_FALLOCATE:       fdCall("fallocate", 0),
		unix.SYS_TRUNCATE:        pathCall("truncate", 0),
		unix.SYS_RENAME:          twoPaths("rename"),
		unix.SYS_RENAMEAT:        twoPathsAt("renameat"),
		unix.SYS_RENAMEAT2:       twoPathsAt("renameat2"),
		unix.SYS_LINK:            twoPaths("link"),
		unix.SYS_LINKAT:          twoPathsAt("linkat"),
		unix.SYS_SYMLINK:         pathCall("symlink", 1), // its first argument is only text
		unix.SYS_SYMLINKAT:       atCall("symlinkat", 1, 2),
		unix.SYS_UNLINK:          pathCall("unlink", 0),
		unix.SYS_UNLINKAT:        atCall("unlinkat", 0, 1),
		unix.SYS_RMDIR:           pathCall("rmdir", 0),
		unix.SYS_MKDIR:           pathCall("mkdir", 0),
		unix.SYS_MKDIRAT:         atCall("mkdirat", 0, 1),
		unix.SYS_MKNOD:           pathCall("mknod", 0),
		unix.SYS_MKNODAT:         atCall("mknodat", 0, 1),
		unix.SYS_CHMOD:           pathCall("chmod", 0),
		unix.SYS_FCHMOD:          fdCall("fchmod", 0),
		unix.SYS_FCHMODAT:        atCall("fchmodat", 0, 1),
		unix.SYS_FCHMODAT2:       atCall("fchmodat2", 0, 1),
		unix.SYS_CHOWN:           pathCall("chown", 0),
		unix.SYS_FCHOWN:          fdCall("fchown", 0),
		unix.SYS_FCHOWNAT:        atCall("fchownat", 0, 1),
		unix.SYS_UTIME:           pathCall("utime", 0),
		unix.SYS_UTIMES:          pathCall("utimes", 0),
		unix.SYS_UTIMENSAT:       atCall("utimensat", 0, 1),
		unix.SYS_FSYNC:           fdCall("fsync", 0),
		unix.SYS_FDATASYNC:       fdCall("fdatasync", 0),
		unix.SYS_SYNCFS:          fdCall("syncfs", 0),
	}
}

const writing = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC

// Call is one system call, seen before it is made.
type Call struct {
	N    int    // its number among those that change what is below Config.Below, over all processes, from 1; 0 for an execve
	Name string // such as "rename"
	Path string // what it changes, absolute
	To   string // rename, link: the new name
	Exec bool   // it starts a program
	Own  bool   // it is git-sync's own, or starts a git that git-sync itself runs
	Args string // of an execve: the first arguments
	// Exchange is set for a rename that swaps two names.
	Exchange bool
}

func (c Call) String() string {
	who := "git"
	if c.Own {
		who = "git-sync"
	}
	s := fmt.Sprintf("%d: %s %s %s", c.N, who, c.Name, c.Path)
	if c.To != "" {
		s += " -> " + c.To
	}
	if c.Args != "" {
		s += " " + c.Args
	}
	return s
}

// args are the six arguments of a system call.
func args(r *unix.PtraceRegs) [6]uint64 { return [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9} }

// describe reads what a stopped process is about to do.
func (s shape) describe(pid int, r *unix.PtraceRegs) Call {
	a := args(r)
	c := Call{Name: s.name}
	at := func(i int) int32 {
		if i < 0 {
			return unix.AT_FDCWD
		}
		return int32(a[i])
	}
	switch {
	case s.fd >= 0:
		c.Path = fdPath(pid, int32(a[s.fd]))
	default:
		c.Path = absolute(pid, at(s.at), readString(pid, a[s.path]))
	}
	if s.to >= 0 {
		dir := int32(unix.AT_FDCWD)
		if s.at >= 0 {
			dir = at(s.at + 2)
		}
		c.To = absolute(pid, dir, readString(pid, a[s.to]))
		c.Exchange = s.name == "renameat2" && a[4]&unix.RENAME_EXCHANGE != 0
	}
	if s.open >= 0 {
		c.Name += "(write)"
	}
	return c
}

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
		var ptr [8]byte
		_, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &ptr[0], Len: 8}}, []unix.RemoteIovec{{Base: uintptr(addr + 8*i), Len: 8}}, 0)
		var p uint64
		for b := range 8 {
			p |= uint64(ptr[b]) << (8 * b)
		}
		if err != nil || p == 0 {
			break
		}
		words = append(words, readString(pid, p))
	}
	return strings.Join(words, " ")
}
