package config

import (
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/secret"
)

// text stores a string that may not hold control characters.
func text[T ~string](at func(*draft) *T) func(*draft, given) error {
	return func(d *draft, in given) error {
		if hasControl(in.value()) {
			return wrong("holds a control character", "")
		}
		*at(d) = T(in.value())
		return nil
	}
}

// words are the values that an option has to choose from.
func words[T ~string](values ...T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

func secretText(at func(*draft) *secret.Text) func(*draft, given) error {
	return func(d *draft, in given) error {
		*at(d) = secret.Text(in.value())
		return nil
	}
}

func toggle(at func(*draft) *bool) func(*draft, given) error {
	return func(d *draft, in given) error {
		v, err := readBool(in.value())
		*at(d) = v
		return err
	}
}

func readBool(s string) (bool, error) {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return false, wrong(quoted(s)+" is neither true nor false", "")
	}
	return v, nil
}

// number stores an integer that is at least so much.
func number(at func(*draft) *int, least int) func(*draft, given) error {
	return func(d *draft, in given) error {
		v, err := readInt(in.value(), least)
		if err == nil {
			*at(d) = v
		}
		return err
	}
}

func readInt(s string, least int) (int, error) {
	v, err := strconv.ParseInt(s, 0, 32)
	if err != nil {
		return 0, wrong(quoted(s)+" is not a whole number", "")
	}
	if int(v) < least {
		return 0, wrong(fmt.Sprintf("%d is less than %d, the least that is possible", v, least), "")
	}
	return int(v), nil
}

func bigNumber(at func(*draft) *int64) func(*draft, given) error {
	return func(d *draft, in given) error {
		v, err := strconv.ParseInt(in.value(), 10, 64)
		if err != nil || v <= 0 {
			return wrong(quoted(in.value())+" is not a positive number", "")
		}
		*at(d) = v
		return nil
	}
}

// duration stores a duration that is at least so long.
func duration(at func(*draft) *time.Duration, least time.Duration) func(*draft, given) error {
	return func(d *draft, in given) error {
		v, err := in.duration()
		if err != nil {
			return err
		}
		if v < least {
			return wrong(fmt.Sprintf("%v is too short; it must be at least %v", v, least), "")
		}
		*at(d) = v
		return nil
	}
}

// atLeast stores a duration that is at least so long. v3 took values down to 0: under its names, shorter ones are replaced.
func atLeast(least, instead time.Duration, at func(*draft) *time.Duration) func(*draft, given) error {
	return func(d *draft, in given) error {
		if v, err := in.duration(); in.v3 && err == nil && v >= 0 && v < least {
			d.warn("replacing a value that is too short", "given", in.label+"="+in.value(), "used", instead.String())
			*at(d) = instead
			return nil
		}
		return duration(at, least)(d, in)
	}
}

// duration reads the value in the syntax of the name it came under.
func (g given) duration() (time.Duration, error) {
	s := g.value()
	v, err := time.ParseDuration(s)
	isDuration := err == nil
	seconds, secondsErr := readSeconds(s, g.syntax)
	switch {
	case g.syntax != plain && secondsErr == nil:
		return seconds, nil
	case g.syntax == inEither && isDuration, g.syntax == plain && isDuration:
		return v, nil
	case g.syntax == plain && secondsErr == nil:
		return 0, wrong(quoted(s)+" has no unit", "write "+s+"s for seconds")
	case isDuration:
		return 0, wrong(quoted(s)+" is not a number of seconds", fmt.Sprintf("this name takes seconds, without a unit; write %v", v.Seconds()))
	case g.syntax == inWholeSeconds:
		return 0, wrong(quoted(s)+" is not a whole number of seconds", "")
	case g.syntax == inSeconds:
		return 0, wrong(quoted(s)+" is not a number of seconds", "")
	}
	return 0, wrong(quoted(s)+" is not a duration", "examples: 500ms, 10s, 1m30s")
}

// readSeconds reads a number of seconds that a time.Duration can hold.
func readSeconds(s string, as syntax) (time.Duration, error) {
	if as == inWholeSeconds {
		n, err := strconv.ParseInt(s, 0, 32)
		return time.Duration(n) * time.Second, err
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(f) || math.Abs(f) > math.MaxInt32 {
		return 0, strconv.ErrRange
	}
	return time.Duration(math.Round(f * float64(time.Second))), nil
}

// readMode reads permissions the way v3 did: octal with a leading 0, decimal without.
func readMode(s string) (fs.FileMode, error) {
	v, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		return 0, wrong(quoted(s)+" is no file mode", "write it in octal, with a leading 0: 0755")
	}
	if v > 0o777 {
		return 0, wrong(fmt.Sprintf("%s is more than 0777", quoted(s)), "octal numbers have a leading 0: write 0755 for rwxr-xr-x")
	}
	return fs.FileMode(v), nil
}

// readSignal reads a signal's name, with or without SIG, or its number.
func readSignal(s string) (syscall.Signal, error) {
	num := syscall.Signal(0)
	if n, err := strconv.Atoi(s); err == nil {
		num = syscall.Signal(n)
	} else {
		num = unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG"))
	}
	if num < 1 || num > 64 {
		return 0, wrong(quoted(s)+" is no signal", "name one, as in SIGHUP, HUP or 1")
	}
	taken := []syscall.Signal{
		syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD, syscall.SIGURG,
		syscall.SIGPROF, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT,
	}
	if slices.Contains(taken, num) {
		return 0, wrong(quoted(s)+" has a meaning of its own and cannot ask for a sync", "use SIGHUP, SIGUSR1 or SIGUSR2")
	}
	return num, nil
}

// checkAddress refuses what cannot be listened on.
func checkAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return wrong(quoted(s)+" is no address to listen on", "write host:port or :port, as in :1234 or 127.0.0.1:1234")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return wrong(fmt.Sprintf("%s has no port number between 0 and 65535", quoted(s)), "")
	} else if n == 0 && port != "0" {
		return wrong(quoted(s)+" has an odd port number", "")
	}
	return nil
}

// checkHTTPURL refuses what is no http(s) URL. The URL is not repeated: it may hold a secret.
func checkHTTPURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || !slices.Contains([]string{"http", "https"}, strings.ToLower(u.Scheme)) || u.Host == "" {
		return wrong("not an http or https URL", "write it in full, as in https://example.com/path")
	}
	return nil
}

// checked is set with a check of the value before it.
func checked(check func(string) error, set func(*draft, given) error) func(*draft, given) error {
	return func(d *draft, in given) error {
		if err := check(in.value()); err != nil {
			return err
		}
		return set(d, in)
	}
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// quoted is a value for an error, cut if it is long.
func quoted(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return strconv.Quote(s)
}
