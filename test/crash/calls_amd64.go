package crash

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// registers are those of a process that has stopped before a system call.
type registers struct{ unix.PtraceRegs }

func (r *registers) load(pid int) error { return unix.PtraceGetRegs(pid, &r.PtraceRegs) }

// number is that of the system call.
func (r *registers) number() uint64 { return r.Orig_rax }

// args are the six arguments of the system call.
func (r *registers) args() [6]uint64 { return [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9} }

// fail lets the call return an error instead of being made.
func (r *registers) fail(pid int, errno syscall.Errno) error {
	r.Orig_rax, r.Rax = ^uint64(0), uint64(-int64(errno))
	return unix.PtraceSetRegs(pid, &r.PtraceRegs)
}

// oldChangingCalls adds those that newer architectures have in a later form alone.
func oldChangingCalls(calls map[uint64]shape) {
	calls[unix.SYS_OPEN] = making(openCall("open", -1, 0, 1))
	calls[unix.SYS_CREAT] = making(pathCall("creat", 0)).taking(unix.EMFILE)
	calls[unix.SYS_RENAME] = making(twoPaths("rename"))
	calls[unix.SYS_LINK] = making(twoPaths("link"))
	calls[unix.SYS_SYMLINK] = making(pathCall("symlink", 1)) // its first argument is only text
	calls[unix.SYS_UNLINK] = changing(pathCall("unlink", 0))
	calls[unix.SYS_RMDIR] = changing(pathCall("rmdir", 0))
	calls[unix.SYS_MKDIR] = making(pathCall("mkdir", 0))
	calls[unix.SYS_MKNOD] = making(pathCall("mknod", 0))
	calls[unix.SYS_CHMOD] = changing(pathCall("chmod", 0))
	calls[unix.SYS_CHOWN] = owning(pathCall("chown", 0))
	calls[unix.SYS_LCHOWN] = owning(pathCall("lchown", 0))
	calls[unix.SYS_UTIME] = changing(pathCall("utime", 0))
	calls[unix.SYS_UTIMES] = changing(pathCall("utimes", 0))
	calls[unix.SYS_FUTIMESAT] = changing(atCall("futimesat", 0, 1))
}

// oldTakingCalls does the same for those that take.
func oldTakingCalls(calls map[uint64]shape) {
	calls[unix.SYS_PIPE] = noWhere("pipe").taking(unix.EMFILE)
	calls[unix.SYS_EPOLL_CREATE] = noWhere("epoll_create").taking(unix.EMFILE)
	calls[unix.SYS_EVENTFD] = noWhere("eventfd").taking(unix.EMFILE)
	calls[unix.SYS_FORK] = noWhere("fork").taking(unix.EAGAIN)
	calls[unix.SYS_VFORK] = noWhere("vfork").taking(unix.EAGAIN)
}
