// Package config turns the command line and the environment into one validated, immutable Config.
//
// # What it hides
//
// The option table (table_*.go) has one row for each option. The flags, the variables, --help, --man and the
// reference in docs/ are made from it. The package also hides the names of options in v3 and v4, their precedence,
// how each version writes values, single dashes, and which options can be combined.
//
// # Invariants
//
// Parse depends only on its arguments, on the file of --config, on the working directory, and on symlinks in the
// paths of roots, links and files. It does not check whether other files exist or hosts respond. All problems are
// reported together, each with the flag or variable that was set. No error, warning or field contains a secret, not
// even hashed. A flag overrides the environment. If an option has several names, that of the older version has
// priority.
//
// # State
//
// None. The table is made for each call, so that an idle process does not keep it in memory.
package config
