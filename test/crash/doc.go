// Package crash ends git-sync at every instant, and looks at what it leaves.
//
// A power cut ends all processes at once, between any two changes of the disk. The [Run] of this package stands for it: it
// runs the program under ptrace(2) together with every process that it starts, git's helpers included, sees each system call
// that changes the disk before it is made, counts them over all processes, and at the one that is asked for kills the whole
// tree. It can also make that call fail instead, with an error of the test's choice.
//
// Which calls stop is decided by a seccomp filter that the program inherits (see [Launch]), so that everything else runs at
// full speed. No privilege is needed: a process may trace its own children.
//
// What a power cut does besides, losing what was written but not flushed, cannot be had by killing processes. The order of
// the calls is checked instead: nothing that was published may go before what replaces it has been flushed (see the test).
package crash
