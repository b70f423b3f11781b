package proc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"git-sync/pkg/proc"
)

// TestRunReturnsWithoutTheChild: I4 and fault W14. A process that is being traced,
// and whose tracer does not care, cannot be reaped even when it was killed; a disk
// that blocks has the same effect.
func TestRunReturnsWithoutTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tracer, err := proc.Start(t.Context(), self(t, "tracer"))
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close(0)

	out := newLines()
	c := self(t, "sleep")
	c.StdoutTo = out
	pids := make(chan int, 1)
	answers := make(chan string, 1)
	go func() {
		pid := out.pid(t)
		pids <- pid
		answers <- converse(t, tracer, strconv.Itoa(pid))
		cancel()
	}()
	_, err = proc.Run(ctx, c)
	if answer := <-answers; answer != "traced" {
		t.Skip("tracing is not allowed here: " + answer)
	}
	var pe *proc.Error
	if !errors.As(err, &pe) || !pe.Canceled || pe.ExitCode != -1 || !strings.Contains(err.Error(), "has not exited yet") {
		t.Errorf("error is %v", err)
	}
	pid := <-pids
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
		t.Fatal("the child has gone: nothing was tested")
	}
	// When it does go, it is reaped.
	if _, err := tracer.Close(0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child was reaped", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		return errors.Is(err, os.ErrNotExist)
	})
}

// playTracer traces the process whose ID it reads, and then does nothing.
func playTracer() int {
	runtime.LockOSThread()
	var pid int
	if _, err := fmt.Scan(&pid); err != nil {
		return 1
	}
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, 0, 0, 0); errno != 0 {
		fmt.Println(errno)
		return 1
	}
	fmt.Println("traced")
	forever()
	return 0
}
