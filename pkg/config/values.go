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
	"git-sync/pkg/syncer"
)

// into stores what read makes of the value and no check refuses; nothing otherwise.
func into[T any](at *T, read func(given) (T, error), checks ...func(string) error) func(given) error {
	return func(in given) error {
		for _, check := range checks {
			if err := check(in.value()); err != nil {
				return err
			}
		}
		v, err := read(in)
		if err == nil {
			*at = v
		}
		return err
	}
}

// asText reads a string that may not hold control characters.
func asText[T ~string](in given) (T, error) {
	if hasControl(in.value()) {
		return "", wrong("holds a control character", "")
	}
	return T(in.value()), nil
}

// words are the values that an option has to choose from.
func words[T ~string](values ...T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

func asSecret(in given) (secret.Text, error) { return secret.Text(in.value()), nil }

func asBool(in given) (bool, error) {
	v, err := strconv.ParseBool(in.value())
	if err != nil {
		return false, wrong(quoted(in.value())+" is neither true nor false", "")
	}
	return v, nil
}

// asCount reads a number that is not negative.
func asCount(in given) (int, error) { return readInt(in.value(), 0) }

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

// asID reads a positive number.
func asID(in given) (int64, error) {
	v, err := strconv.ParseInt(in.value(), 10, 64)
	if err != nil || v <= 0 {
		return 0, wrong(quoted(in.value())+" is not a positive number", "")
	}
	return v, nil
}

// asBudget reads a number of failures as the name counts them.
func asBudget(in given) (syncer.Budget, error) {
	n, err := readInt(in.value(), -1)
	switch {
	case err != nil:
		return syncer.Budget{}, err
	case n == -1:
		return syncer.Budget{Unlimited: true}, nil
	case in.v3:
		return syncer.Budget{Exit: n + 1}, nil
	}
	return syncer.Budget{Exit: max(n, 1)}, nil
}

func asInitBudget(in given) (*syncer.Budget, error) {
	b, err := asBudget(in)
	return &b, err
}

// atLeast reads a duration that is at least so long.
func atLeast(least time.Duration) func(given) (time.Duration, error) {
	return func(in given) (time.Duration, error) {
		v, err := in.duration()
		if err == nil && v < least {
			err = wrong(fmt.Sprintf("%v is too short; it must be at least %v", v, least), "")
		}
		return v, err
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

// asSignal reads a signal's name, with or without SIG, or its number.
func asSignal(in given) (syscall.Signal, error) {
	s, num := in.value(), syscall.Signal(0)
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
