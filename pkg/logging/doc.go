// Package logging turns what the other packages say into lines on one stream, and
// keeps secrets out of them.
//
// It hides zap, the two formats (JSON for machines, text for people), the levels,
// the progress line of a terminal, the error file, and the scrubbing. Everyone else
// sees a logr.Logger and nothing more.
//
// # Levels
//
// V(0) is one line per change of state (started, published, failed, recovered), V(1)
// the steps of an update, V(2) every poll, V(5) every command, V(6) its output.
// Messages are constant; whatever varies goes into key/value pairs. An error that
// carries advice (a method Hint() string, anywhere in its chain) is logged with it.
//
// # Invariants
//
// No registered secret leaves this package, in whatever field, error or message it
// came, and neither plainly nor in the forms that URLs, quoting and HTTP give it
// (see Scrub). The user and password in any http(s) URL are removed even if they
// are not registered. One log entry is one Write on the stream, so that lines of two
// goroutines never mix. In the text format nothing that a remote said can move the
// cursor or colour the terminal.
//
// # State
//
// The set of secrets, and whether a progress line is on the screen, both behind
// locks. Nothing is global: two Loggings in one process know nothing of each other.
package logging
