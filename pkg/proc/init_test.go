package proc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/proc"
)

// TestInitReapsOrphansOnly lets a process be what process 1 is, the one to whom
// orphans go, and lets it start children all the while.
func TestInitReapsOrphansOnly(t *testing.T) {
	res, err := proc.Run(t.Context(), self(t, "reaper"))
	if err != nil {
		t.Fatalf("%v\n%s", err, res.Stderr)
	}
}

// TestInitAsProcessOne is the same in a process namespace of its own.
func TestInitAsProcessOne(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, for a process namespace")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := os.StartProcess(exe, []string{exe}, &os.ProcAttr{
		Env:   []string{roleVar + "=reaper", raceFast},
		Files: []*os.File{nil, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
			Pdeathsig:  syscall.SIGKILL,
		},
	})
	if errors.Is(err, unix.EPERM) {
		t.Skip("no process namespaces here")
	}
	if err != nil {
		t.Fatal(err)
	}
	state, err := p.Wait()
	if err != nil || !state.Success() {
		t.Errorf("%v, %v", state, err)
	}
}

// TestChildrenAreNotOfFirstThread: what the first thread starts could not be distinguished
// from an orphan. With one processor, and the first goroutine waiting, the first
// thread is the one that would run what comes next.
func TestChildrenAreNotOfFirstThread(t *testing.T) {
	c := self(t, "first-thread")
	c.Env = append(c.Env, "GOMAXPROCS=1")
	res, err := proc.Run(t.Context(), c)
	if err != nil || string(res.Stdout) != "another thread" {
		t.Errorf("%q, %v", res.Stdout, err)
	}
}

// playReaper is the process that orphans go to.
func playReaper() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if os.Getpid() == 1 {
		if err := ownProc(); err != nil {
			fmt.Fprintln(os.Stderr, "mounting /proc:", err)
			return 1
		}
		proc.Init(ctx)
	} else {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		proc.Adopt(ctx)
	}
	var runs sync.WaitGroup
	lost := make(chan error, 100)
	for range 8 {
		runs.Go(func() {
			for range 10 {
				// It leaves three orphans, and a status that must not be lost.
				_, err := proc.Run(ctx, proc.Cmd{
					Path: "/proc/self/exe", Env: []string{roleVar + "=orphans", raceFast},
				})
				var pe *proc.Error
				if !errors.As(err, &pe) || pe.ExitCode != 42 {
					lost <- err
				}
			}
		})
	}
	runs.Wait()
	if len(lost) > 0 {
		fmt.Fprintf(os.Stderr, "%d statuses lost: %v\n", len(lost), <-lost)
		return 1
	}
	list := fmt.Sprintf("/proc/self/task/%d/children", os.Getpid())
	tick, deadline := time.NewTicker(time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		left, err := os.ReadFile(list)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if strings.TrimSpace(string(left)) == "" {
			return 0
		}
		select {
		case <-tick.C:
		case <-deadline:
			fmt.Fprintf(os.Stderr, "orphans are left: %s\n", left)
			return 1
		}
	}
}

// ownProc mounts a /proc for the namespace we are in, invisible outside.
func ownProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("proc", "/proc", "proc", 0, "")
}

// playOrphans leaves children that live on, some of them in sessions of their own.
func playOrphans() int {
	for i := range 3 {
		_, err := os.StartProcess("/proc/self/exe", []string{"orphan"}, &os.ProcAttr{
			Env: []string{roleVar + "=ids", raceFast},
			Sys: &syscall.SysProcAttr{Setsid: i > 0},
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 42
}
