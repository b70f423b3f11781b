package main

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/proc"
)

// Go's runtime has a thread that watches over the others (sysmon): while anything runs, it sleeps for 20 µs and looks. An idle
// poll by --poll=persistent takes so little that this was 40 % of what it cost in our process. How late the kernel may wake a
// thread up, so as to do so together with something else, is its timer slack (prctl(2)): usually 50 µs. The watcher is made
// before main and cannot be reached from there without a capability; but a thread begins with the slack of the one that made
// it, and a program with that of the one that executed it. So we execute ourselves with the watcher's, and then give all other
// threads the usual one. What the watcher does later then, by as much: it interrupts a goroutine that has run for 10 ms, and
// lets others run while one waits for a disk.
const watcherSlack = 10 * time.Millisecond

// calmVariable marks a program that was executed by itself. Like all variables of ours, no child is given it.
const calmVariable = "GITSYNC_INTERNAL_CALM"

// calmWatcher executes this program again, unless that has been done. Where it cannot be, it returns, and all is as it was.
func (p process) calmWatcher() {
	if p.env(calmVariable) != "" {
		setSlack(proc.UsualSlack) // of this thread, from which those that are made now have theirs
		everyThread(func() { setSlack(proc.UsualSlack) })
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || time.Duration(before) != proc.UsualSlack {
		return // somebody has asked for something else
	}
	setSlack(watcherSlack)
	_ = syscall.Exec(self, os.Args, append(slices.Clone(p.environ), calmVariable+"=1"))
	setSlack(proc.UsualSlack)
}

func setSlack(d time.Duration) { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(d), 0, 0, 0) }

// everyThread calls f on each thread that runs goroutines, and on some that it makes to be there when one is needed: those
// that the watcher makes begin with the watcher's slack.
func everyThread(f func()) {
	const threads = 4 // when main begins there are as many, the watcher included; a loop has more soon
	var called, all sync.WaitGroup
	called.Add(threads)
	for range threads {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			f()
			called.Done()
			called.Wait() // a thread that waits here is not called again
		})
	}
	all.Wait()
}
