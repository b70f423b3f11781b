package config

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/secret"
	"git-sync/pkg/syncer"
)

// into returns a function that parses the value with read and stores it, if no check fails.
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

// asText parses a string without control characters.
func asText[T ~string](in given) (T, error) {
	if hasControl(in.value()) {
		return "", wrong("contains a control character", "")
	}
	return T(in.value()), nil
}

// words returns the allowed values of an option as strings.
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

// asCount parses a number that is not negative.
func asCount(in given) (int, error) { return readInt(in.value(), 0) }

func readInt(s string, least int) (int, error) {
	v, err := strconv.ParseInt(s, 0, 32)
	if err != nil {
		return 0, wrong(quoted(s)+" is not a whole number", "")
	}
	if int(v) < least {
		return 0, wrong(fmt.Sprintf("%d is less than the minimum, %d", v, least), "")
	}
	return int(v), nil
}

// asID parses a positive number.
func asID(in given) (int64, error) {
	v, err := strconv.ParseInt(in.value(), 10, 64)
	if err != nil || v <= 0 {
		return 0, wrong(quoted(in.value())+" is not a positive number", "")
	}
	return v, nil
}

// asBudget parses a number of failures. v3 and v4 count them differently.
func asBudget(in given) (syncer.Budget, error) {
	n, err := readInt(in.value(), -1)
	option := in.label[strings.LastIndexByte(in.label, ' ')+1:] + "=" + in.value() // without the position in a file
	switch {
	case err != nil:
		return syncer.Budget{}, err
	case n == -1:
		return syncer.Budget{Unlimited: true, Option: option}, nil
	case in.v3:
		return syncer.Budget{Exit: n + 1, Option: option}, nil
	}
	return syncer.Budget{Exit: max(n, 1), Option: option}, nil
}

func asInitBudget(in given) (*syncer.Budget, error) {
	b, err := asBudget(in)
	return &b, err
}

// atLeast returns a parser for a duration that is not less than a minimum.
func atLeast(least time.Duration) func(given) (time.Duration, error) {
	return func(in given) (time.Duration, error) {
		v, err := in.duration()
		if err == nil && v < least {
			err = wrong(fmt.Sprintf("%v is too short; it must be at least %v", v, least), "")
		}
		return v, err
	}
}

// duration parses the value in the syntax of its name.
func (g given) duration() (time.Duration, error) {
	s := g.value()
	v, err := time.ParseDuration(s)
	seconds, secondsErr := strconv.ParseFloat(s, 64)
	isNumber := secondsErr == nil && math.Abs(seconds) <= math.MaxInt32
	switch {
	case isNumber && g.syntax != plain:
		return time.Duration(math.Round(seconds * float64(time.Second))), nil
	case err == nil && g.syntax != inSeconds:
		return v, nil
	case err == nil:
		return 0, wrong(quoted(s)+" is not a number of seconds", fmt.Sprintf("this name takes seconds, without a unit; write %v", v.Seconds()))
	case isNumber:
		return 0, wrong(quoted(s)+" has no unit", "write "+s+"s for seconds")
	case g.syntax == inSeconds:
		return 0, wrong(quoted(s)+" is not a number of seconds", "examples: 0.5, 10, 90")
	}
	return 0, wrong(quoted(s)+" is not a duration", "examples: 500ms, 10s, 1m30s")
}

// asSignal parses a signal's name, with or without SIG, or its number.
func asSignal(in given) (syscall.Signal, error) {
	s, num := in.value(), syscall.Signal(0)
	if n, err := strconv.Atoi(s); err == nil {
		num = syscall.Signal(n)
	} else {
		num = unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG"))
	}
	if num < 1 || num > 64 {
		return 0, wrong(quoted(s)+" is not a signal", "name one, as in SIGHUP, HUP or 1")
	}
	taken := []syscall.Signal{
		syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD, syscall.SIGURG,
		syscall.SIGPROF, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT,
	}
	if slices.Contains(taken, num) {
		return 0, wrong(quoted(s)+" is reserved and cannot trigger a sync", "use SIGHUP, SIGUSR1 or SIGUSR2")
	}
	return num, nil
}

// checkAddress rejects what is not an address to listen on.
func checkAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return wrong(quoted(s)+" is not an address to listen on", "write host:port or :port, as in :1234 or 127.0.0.1:1234")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return wrong(quoted(s)+" has no port number between 0 and 65535", "")
	}
	return nil
}

// checkHTTPURL rejects what is not an http(s) URL. The error does not contain the URL, which may contain a secret.
func checkHTTPURL(s string) error {
	if !isHTTP(parsedURL(s).Scheme) {
		return wrong("not an http or https URL", "write it in full, as in https://example.com/path")
	}
	return nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// quoted quotes a value for an error, and truncates it if it is long.
func quoted(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return strconv.Quote(s)
}
