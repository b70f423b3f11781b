// Package config turns the command line and the environment into one validated, immutable Config.
//
// # What it hides
//
// The option table (table_*.go: one row for each option, from which the flags, the variables, --help, --man and the
// documents in docs/ come), the two generations of names that manifests in the field use, which of them wins, how each
// generation writes its values, single dashes, and what can and cannot be combined.
//
// # Invariants
//
// Parse is pure: it reads its arguments and nothing else, neither files nor the process's environment, and asks nobody.
// ParseFile also follows the symlinks on the way to roots, links and files, to find those that overlap.
// So whether a file exists or a host answers is not its business. All problems are reported at once, each naming the
// flag or variable that was really set. A secret is in no error, no notice and none of the Fields, not even hashed.
// A flag beats the environment; among names of one option the older generation's wins.
//
// # State
//
// None. The table is made anew for each call, so that an idle process does not keep it in memory.
package config
