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
	// FormatText is one readable line per entry, and further lines for hints and long output.
	FormatText = "text"
)

// Options configures a Logging. The zero value logs JSON or text, depending on the stream, at verbosity 0.
type Options struct {
	// Verbosity is the highest V level that is logged.
	Verbosity int
	// Format is one of the Format constants; "" is FormatAuto.
	Format string
	// Secrets are scrubbed from the first line on, and never forgotten. See KeepSecrets and AddSecret.
	Secrets []string
	// Plain disables colours, as NO_COLOR and TERM=dumb ask for.
	Plain bool
}

// Logging is one log stream. It is safe for concurrent use.
type Logging struct {
	sync    string // the name of the sync, if it is that of one sync
	secrets *secrets
	out     *screen
	logger  logr.Logger
}

// New returns a Logging that writes to w, and does not close w. It ignores errors of w, because they cannot be
// reported anywhere else.
func New(w io.Writer, o Options) *Logging {
	fd, terminal := terminalOf(w)
	text := o.Format == FormatText || (o.Format != FormatJSON && terminal)
	l := &Logging{
		secrets: newSecrets(o.Secrets),
		out:     &screen{w: w, fd: fd, live: terminal && text},
	}
	encode := newJSONEncoder()
	if text { // complete and plain for a file, short and in colour for a terminal
		t := textEncoder{clock: time.RFC3339}
		if terminal {
			t.clock = time.TimeOnly
		}
		if terminal && !o.Plain {
			t.colour = palette{dim: "\x1b[2m", red: "\x1b[31m", bold: "\x1b[1m", off: "\x1b[0m"}
		}
		encode = t.encode
	}
	level := zapcore.Level(-min(max(o.Verbosity, 0), 127)) // limited to the range of a zap level
	c := &core{LevelEnabler: level, secrets: l.secrets, encode: encode, out: l.out}
	l.logger = zapr.NewLogger(zap.New(c, zap.ErrorOutput(zapcore.AddSync(io.Discard))))
	return l
}

// Logger returns the logger for all packages.
func (l *Logging) Logger() logr.Logger { return l.logger }

// Of returns the Logging of one sync: the same stream and the same secrets, with the sync's name on each line. If the
// name is empty, it returns l.
func (l *Logging) Of(sync string) *Logging {
	if sync == "" {
		return l
	}
	named := *l
	named.sync = sync
	named.logger = l.logger.WithValues("sync", sync)
	return &named
}

// Warn logs at level warn, which logr does not have. It is for problems that the user should act on, although nothing
// has failed.
func (l *Logging) Warn(msg string, keysAndValues ...any) {
	if z, ok := l.logger.GetSink().(zapr.Underlier); ok {
		z.GetUnderlying().Sugar().Warnw(msg, keysAndValues...)
	}
}

// AddSecret makes everything that is logged from now on, also by existing loggers, free of a secret. Empty strings and
// known secrets are ignored. Of each sync, the newest 256 secrets are kept, so that a token that is
// renewed every hour does not fill the memory.
func (l *Logging) AddSecret(secret string) { l.secrets.add(l.sync, secret) }

// KeepSecrets is AddSecret for secrets that are never forgotten, like those in Options.
func (l *Logging) KeepSecrets(secrets []string) { l.secrets.keep(secrets) }

// Scrub replaces secrets in s by "REDACTED". It is for texts that leave the process in another way than the log (the
// error file, the status page).
//
// It finds registered secrets as such; quoted by Go or JSON; percent-encoded; in base64, also as a part of a longer
// text such as "user:password"; and each long line of a secret with several lines. A secret shorter than four bytes
// is found only as a separate word. It always removes the user and password of http(s) URLs, and the passwords of
// other URLs.
func (l *Logging) Scrub(s string) string { return l.secrets.scrub(s) }

// terminalOf returns the descriptor of w, and whether it is a terminal.
func terminalOf(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok {
		return -1, false
	}
	fd := int(f.Fd())
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return fd, err == nil
}
