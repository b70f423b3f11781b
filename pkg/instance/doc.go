// Package instance assembles one synced repository from its configuration: credentials, root, hooks, loop, error file and
// touch file.
//
// It hides which parts there are and how they are connected. A process has one instance for each repository.
//
// # Invariants
//
// An instance depends on nothing that the process has only once: the environment and the umask are given to it, its paths are
// absolute, and it registers nothing. Two instances on two roots do not notice each other.
//
// # State
//
// That of its parts, which ends with Close.
package instance
