//go:build amd64 || arm64

package crash

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// shape says where a system call's arguments name what it changes, and how it can fail.
type shape struct {
	name string
	path int // argument that points to the path; -1: none
	at   int // argument with the directory that the path is relative to; -1: the working directory
	fd   int // argument with the file itself; -1: none
	to   int // argument that points to a second path, which at+2 or the working directory is for; -1: none
	open int // argument with the flags of open(2); -1: none
	how  int // argument that points to a struct open_how, which begins with those flags; -1: none

	fails []syscall.Errno // for want of room or rights, or of a disk that works
	takes syscall.Errno   // for want of a descriptor or a process
	only  func([6]uint64) bool
}

func noWhere(name string) shape {
	return shape{name: name, path: -1, at: -1, fd: -1, to: -1, open: -1, how: -1}
}

func pathCall(name string, path int) shape { return atCall(name, -1, path) }

func atCall(name string, at, path int) shape {
	s := noWhere(name)
	s.at, s.path = at, path
	return s
}

func fdCall(name string, fd int) shape {
	s := noWhere(name)
	s.fd = fd
	return s
}

func twoPaths(name string) shape {
	s := pathCall(name, 0)
	s.to = 1
	return s
}

func twoPathsAt(name string) shape {
	s := atCall(name, 0, 1)
	s.to = 3
	return s
}

func openCall(name string, at, path, flags int) shape {
	s := atCall(name, at, path)
	s.open = flags
	return s.taking(unix.EMFILE)
}

func (s shape) failing(errnos ...syscall.Errno) shape {
	s.fails = errnos
	return s
}

func (s shape) taking(errno syscall.Errno) shape {
	s.takes = errno
	return s
}

// What kinds of calls can fail with, by the manual pages and by what file systems with quotas return besides.
func making(s shape) shape   { return s.failing(unix.ENOSPC, unix.EIO, unix.EDQUOT, unix.EACCES) }
func filling(s shape) shape  { return s.failing(unix.ENOSPC, unix.EIO, unix.EDQUOT) }
func changing(s shape) shape { return s.failing(unix.EIO, unix.EACCES) }
func flushing(s shape) shape { return s.failing(unix.EIO, unix.ENOSPC, unix.EDQUOT) }
func owning(s shape) shape   { return s.failing(unix.EIO, unix.EDQUOT, unix.EACCES) }

// execCalls start programs; they are points of their own.
func execCalls() map[uint64]shape {
	return map[uint64]shape{
		unix.SYS_EXECVE:   pathCall("execve", 0),
		unix.SYS_EXECVEAT: atCall("execveat", 0, 1),
	}
}

// changingCalls are the system calls that change the disk, or order what is written to it.
func changingCalls() map[uint64]shape {
	openat2 := openCall("openat2", 0, 1, -1)
	openat2.how = 2
	calls := map[uint64]shape{
		unix.SYS_OPENAT:          making(openCall("openat", 0, 1, 2)),
		unix.SYS_OPENAT2:         making(openat2),
		unix.SYS_WRITE:           filling(fdCall("write", 0)),
		unix.SYS_PWRITE64:        filling(fdCall("pwrite64", 0)),
		unix.SYS_WRITEV:          filling(fdCall("writev", 0)),
		unix.SYS_PWRITEV:         filling(fdCall("pwritev", 0)),
		unix.SYS_PWRITEV2:        filling(fdCall("pwritev2", 0)),
		unix.SYS_SENDFILE:        filling(fdCall("sendfile", 0)),
		unix.SYS_SPLICE:          filling(fdCall("splice", 2)),
		unix.SYS_COPY_FILE_RANGE: filling(fdCall("copy_file_range", 2)),
		unix.SYS_FTRUNCATE:       filling(fdCall("ftruncate", 0)),
		unix.SYS_FALLOCATE:       filling(fdCall("fallocate", 0)),
		unix.SYS_TRUNCATE:        making(pathCall("truncate", 0)),
		unix.SYS_RENAMEAT:        making(twoPathsAt("renameat")),
		unix.SYS_RENAMEAT2:       making(twoPathsAt("renameat2")),
		unix.SYS_LINKAT:          making(twoPathsAt("linkat")),
		unix.SYS_SYMLINKAT:       making(atCall("symlinkat", 1, 2)), // its first argument is only text
		unix.SYS_UNLINKAT:        changing(atCall("unlinkat", 0, 1)),
		unix.SYS_MKDIRAT:         making(atCall("mkdirat", 0, 1)),
		unix.SYS_MKNODAT:         making(atCall("mknodat", 0, 1)),
		unix.SYS_FCHMOD:          changing(fdCall("fchmod", 0)),
		unix.SYS_FCHMODAT:        changing(atCall("fchmodat", 0, 1)),
		unix.SYS_FCHMODAT2:       changing(atCall("fchmodat2", 0, 1)),
		unix.SYS_FCHOWN:          owning(fdCall("fchown", 0)),
		unix.SYS_FCHOWNAT:        owning(atCall("fchownat", 0, 1)),
		unix.SYS_UTIMENSAT:       changing(atCall("utimensat", 0, 1)),
		unix.SYS_FSYNC:           flushing(fdCall("fsync", 0)),
		unix.SYS_FDATASYNC:       flushing(fdCall("fdatasync", 0)),
		unix.SYS_SYNCFS:          flushing(fdCall("syncfs", 0)),
	}
	oldChangingCalls(calls)
	return calls
}

// takingCalls are the system calls that take a descriptor or make a process, wherever; those that open a file are among the
// changing ones.
func takingCalls() map[uint64]shape {
	takes := func(name string) shape { return noWhere(name).taking(unix.EMFILE) }
	dup := takes("fcntl(F_DUPFD)")
	dup.only = func(a [6]uint64) bool { return a[1] == unix.F_DUPFD || a[1] == unix.F_DUPFD_CLOEXEC }
	calls := map[uint64]shape{
		unix.SYS_PIPE2:          takes("pipe2"),
		unix.SYS_SOCKET:         takes("socket"),
		unix.SYS_SOCKETPAIR:     takes("socketpair"),
		unix.SYS_DUP:            takes("dup"),
		unix.SYS_FCNTL:          dup,
		unix.SYS_MEMFD_CREATE:   takes("memfd_create"),
		unix.SYS_PIDFD_OPEN:     takes("pidfd_open"),
		unix.SYS_EPOLL_CREATE1:  takes("epoll_create1"),
		unix.SYS_EVENTFD2:       takes("eventfd2"),
		unix.SYS_SIGNALFD4:      takes("signalfd4"),
		unix.SYS_TIMERFD_CREATE: takes("timerfd_create"),
		unix.SYS_INOTIFY_INIT1:  takes("inotify_init1"),
		unix.SYS_CLONE:          noWhere("clone").taking(unix.EAGAIN),
		unix.SYS_CLONE3:         noWhere("clone3").taking(unix.EAGAIN),
	}
	oldTakingCalls(calls)
	return calls
}

const writing = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC

// Call is one system call, seen before it is made.
type Call struct {
	N    int    // its number among those that change what is below Config.Below, over all processes, from 1; 0 for others
	T    int    // its number among those that take a descriptor or make a process, likewise; 0 for others
	Name string // such as "rename"
	Path string // what it changes, absolute
	To   string // rename, link: the new name
	Exec bool   // it starts a program
	Own  bool   // it is git-sync's own, or starts a git that git-sync itself runs
	Args string // of an execve: the first arguments
	// Exchange is set for a rename that swaps two names.
	Exchange bool
	Fails    []syscall.Errno // what the change can fail with
	Takes    syscall.Errno   // what taking can fail with
}

func (c Call) String() string {
	who := "git"
	if c.Own {
		who = "git-sync"
	}
	n := fmt.Sprint(c.N)
	if c.N == 0 {
		n = fmt.Sprintf("t%d", c.T)
	}
	s := fmt.Sprintf("%s: %s %s %s", n, who, c.Name, c.Path)
	if c.To != "" {
		s += " -> " + c.To
	}
	if c.Args != "" {
		s += " " + c.Args
	}
	return s
}

// describe reads what a stopped process is about to do.
func (s shape) describe(pid int, a [6]uint64) Call {
	c := Call{Name: s.name, Fails: s.fails, Takes: s.takes}
	at := func(i int) int32 {
		if i < 0 {
			return unix.AT_FDCWD
		}
		return int32(a[i])
	}
	switch {
	case s.fd >= 0:
		c.Path = fdPath(pid, int32(a[s.fd]))
	case s.path >= 0:
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
	if s.opens() && s.flags(pid, a)&writing != 0 {
		c.Name += "(write)"
	}
	return c
}

// opens reports whether the call may open a file only to read it.
func (s shape) opens() bool { return s.open >= 0 || s.how >= 0 }

// flags are those of open(2).
func (s shape) flags(pid int, a [6]uint64) uint64 {
	if s.how < 0 {
		return a[s.open]
	}
	how, _ := readWord(pid, a[s.how]) // gone: nothing
	return how
}

// changes reports whether the call changes the disk: it has to have a place, and if it opens a file, not only to read it.
func (s shape) changes(pid int, a [6]uint64) bool {
	return s.fails != nil && (!s.opens() || s.flags(pid, a)&writing != 0)
}
