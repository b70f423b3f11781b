// Package instance assembles one synced repository from its configuration: credentials, root, hooks, loop, error file and
// touch file.
//
// It hides the parts and how they are connected. A process has one instance for each repository.
//
// # Invariants
//
// An instance does not use anything that the process has only once: the environment and the umask are passed to it,
// its paths are absolute, and it registers nothing. Two instances with different roots are independent.
//
// # State
//
// That of its parts. It ends with Close.
package instance
