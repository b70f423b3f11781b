package logging

import (
	"io"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"
)

// The formats of Options.Format.
const (
	// FormatAuto is text on a terminal and JSON elsewhere.
	FormatAuto = "auto"
	// FormatJSON is one JSON object per line.
	FormatJSON = "json"
	// FormatText is one readable line per entry, more for hints and long output.
	FormatText = "text"
)

// Options say how to log. The zero value logs JSON or text, as the stream suggests, at verbosity 0.
type Options struct {
	// Verbosity is the highest V level that is logged.
	Verbosity int
	// Format is one of the Format constants; "" is FormatAuto.
	Format string
	// Secrets are scrubbed from the first line on, and never forgotten. See KeepSecret and AddSecret.
	Secrets []string
	// Plain keeps colours off a terminal, as NO_COLOR and TERM=dumb ask for.
	Plain bool
}

// Logging is one stream of log lines. All of it may be used from any goroutine.
type Logging struct {
	sync    string // the sync that it is of, if of one
	secrets *secrets
	out     *screen
	logger  logr.Logger
}

// New makes a Logging that writes to w, which is not closed by it. Errors of w are dropped: there is
// no better place to report them.
func New(w io.Writer, o Options) *Logging {
	fd, terminal := terminalOf(w)
	text := o.Format == FormatText || (o.Format != FormatJSON && terminal)
	l := &Logging{
		secrets: newSecrets(o.Secrets),
		out:     &screen{w: w, fd: fd, live: terminal && text},
	}
	var enc encoder = newJSONEncoder()
	if text {
		enc = newTextEncoder(terminal, o)
	}
	c := &core{level: zapcore.Level(-clamp(o.Verbosity)), secrets: l.secrets, enc: enc, out: l.out}
	l.logger = zapr.NewLogger(zap.New(c, zap.ErrorOutput(zapcore.AddSync(io.Discard))))
	return l
}

// Logger returns the logger to hand to everybody.
func (l *Logging) Logger() logr.Logger { return l.logger }

// Of returns the Logging of one sync: the same stream and the same secrets, with the sync's name on each line. Without a
// name it is the same.
func (l *Logging) Of(sync string) *Logging {
	if sync == "" {
		return l
	}
	named := *l
	named.sync = sync
	named.logger = l.logger.WithValues("sync", sync)
	return &named
}

// Warn logs what the user should act on although nothing has failed, at a level that logr does not have.
func (l *Logging) Warn(msg string, keysAndValues ...any) {
	if z, ok := l.logger.GetSink().(zapr.Underlier); ok {
		z.GetUnderlying().Sugar().Warnw(msg, keysAndValues...)
	}
}

// AddSecret has each of the strings scrubbed from now on, in everything that is logged, also from loggers that were
// given values before. Empty strings and strings already known cost nothing. Of the secrets added this way the newest 256 of
// each sync are kept, so that a token renewed every hour does not fill the memory.
func (l *Logging) AddSecret(secret ...string) { l.secrets.add(l.sync, secret) }

// KeepSecret is AddSecret for what is never forgotten, as those of Options are.
func (l *Logging) KeepSecret(secret ...string) { l.secrets.keep(secret) }

// Scrub returns s without secrets, "REDACTED" in their place: for what leaves the process by another door than the log
// (the error file, the status page).
//
// Found are the registered strings as such; quoted by Go or JSON; percent-encoded; in base64, also inside a longer
// text such as "user:password"; and, of a secret with several lines, each long line alone. A secret shorter than four bytes is only found where
// it stands as a word by itself. The user and password of http(s) URLs, and passwords of other URLs, go in any case.
func (l *Logging) Scrub(s string) string { return l.secrets.scrub(s) }

// terminalOf returns the descriptor of w and whether it is a terminal.
func terminalOf(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok {
		return -1, false
	}
	fd := int(f.Fd())
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return fd, err == nil
}

// clamp keeps a verbosity within what a zap level can hold.
func clamp(verbosity int) int { return min(max(verbosity, 0), 127) }

// newTextEncoder is short and coloured for a terminal, complete and plain for a file.
func newTextEncoder(terminal bool, o Options) textEncoder {
	switch {
	case !terminal:
		return textEncoder{clock: time.RFC3339}
	case o.Plain:
		return textEncoder{clock: time.TimeOnly}
	default:
		return textEncoder{clock: time.TimeOnly, colour: colours()}
	}
}
