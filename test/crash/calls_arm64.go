package crash

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The register sets of ptrace(2), from linux/elf.h.
const (
	generalRegisters = 1     // NT_PRSTATUS
	systemCall       = 0x404 // NT_ARM_SYSTEM_CALL
)

// registers are those of a process that has stopped before a system call.
type registers struct{ unix.PtraceRegsArm64 }

func (r *registers) load(pid int) error {
	return unix.PtraceGetRegSetArm64(pid, generalRegisters, &r.PtraceRegsArm64)
}

// number is that of the system call.
func (r *registers) number() uint64 { return r.Regs[8] }

// args are the six arguments of the system call.
func (r *registers) args() [6]uint64 { return [6]uint64(r.Regs[:6]) }

// fail lets the call return an error instead of being made. The number is in a set of its own: changing x8 has no effect any
// more.
func (r *registers) fail(pid int, errno syscall.Errno) error {
	none := int32(-1)
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(&none)), Len: uint64(unsafe.Sizeof(none))}
	_, _, err := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SETREGSET, uintptr(pid), systemCall, uintptr(unsafe.Pointer(&iov)), 0, 0)
	if err != 0 {
		return err
	}
	r.Regs[0] = uint64(-int64(errno))
	return unix.PtraceSetRegSetArm64(pid, generalRegisters, &r.PtraceRegsArm64)
}

// There are no calls that this architecture has in a later form alone.
func oldChangingCalls(map[uint64]shape) {}
func oldTakingCalls(map[uint64]shape)   {}
