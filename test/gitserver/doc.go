// Package gitserver gives tests a real remote: bare repositories that are written to with git itself, and real servers over
// them on loopback, whose faults can be switched while somebody is talking to them.
//
//   - [Repo] is an upstream: commit, delete, tag, branch, force-push, or make a big tree, each with one git process.
//   - [HTTP] and [HTTPS] serve a directory of such repositories by git http-backend, the smart protocol as forges speak it.
//     Authentication ([Server.Require]) and faults ([Server.Fail], [Server.DropPackets], [Server.Heal]) change at run time, and every request is
//     logged ([Server.Log], [Server.Count]).
//   - [Daemon] serves the same directory over git://.
//   - [Proxy] stands before any of them (or before an sshd) and breaks the TCP connection itself.
//
// Nothing depends on the machine: no user or system configuration of git's is read, identity and dates are fixed, and so the
// same calls give the same hashes on every run. All state lives in the temporary directory of the test and in the values
// returned here; each of them undoes itself in the test's Cleanup.
package gitserver

// TB is what is needed of a [testing.TB]; a testscript command or a program may bring its own. Fatalf must not return.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(f func())
	TempDir() string
}
