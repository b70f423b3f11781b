// Package logging writes the log to one stream, and keeps secrets out of it.
//
// It hides zap, the two formats (JSON for machines, text for people), the levels, the progress line of a terminal,
// the error file, and the scrubbing. Other packages use only a logr.Logger.
//
// # Levels
//
// V(0) is one line per change of state (started, published, failed, recovered), V(1) the steps of an update, V(2)
// every poll, V(5) every command, V(6) its output. Messages are constant; key/value pairs have the data. If an error
// has a hint (a method Hint() string, anywhere in its chain), the hint is logged with it.
//
// # Invariants
//
// No registered secret leaves this package, in any field, error or message, neither as such nor in the forms that it
// has in URLs, quotes and HTTP (see Scrub). The user and password in every http(s) URL are removed even if they are
// not registered. One log entry is one Write on the stream, so that lines of two goroutines never mix. In the text
// format, texts from a remote cannot move the cursor or colour the terminal.
//
// # State
//
// The set of secrets, and whether a progress line is on the screen; locks guard both. Nothing is global: two Loggings
// in one process are independent.
package logging
