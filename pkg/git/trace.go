package git

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// git does not print the headers of an HTTP response, but writes them to its trace. So the trace of commands that
// talk to a remote goes to a file in memory, which has no name and which only this user can open. If the command
// fails, the last response is read from it. The rest is discarded. That costs about 2 % of the CPU time of
// "git ls-remote".

// traced reports whether the trace of a command is kept. Other commands run programs (filters, git-lfs) that may
// close the descriptor and run git again. That git would write its trace to whichever file has the same descriptor
// then.
func traced(op string) bool { return op == "ls-remote" || op == "fetch" }

// maxTrace limits how much of the end of a trace is read, in bytes.
const maxTrace = 256 << 10

// maxDelay limits the delay that a server can ask for.
const maxDelay = 24 * time.Hour

// traceEnv makes git, and helpers that inherit the environment, write their trace to descriptor 3.
func traceEnv() []string {
	return []string{"GIT_TRACE_CURL=3", "GIT_TRACE_CURL_NO_DATA=1", "GIT_TRACE_REDACT=1"}
}

// connectTimeout is the timeout for making an HTTP connection. git cannot set it for curl, whose default is five
// minutes.
const connectTimeout = 20 * time.Second

// connectError says that a connection was not made in time.
type connectError struct {
	to    string // address and port
	limit time.Duration
}

func (e *connectError) Error() string {
	return fmt.Sprintf("no connection to %s within %v", e.to, e.limit)
}

// watchConnecting ends ctx, with a [*connectError], if the traced run is still connecting after limit and has not
// sent a request. Call stop after the run.
func watchConnecting(ctx context.Context, trace *os.File, limit time.Duration) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	go func() {
		tick := time.NewTicker(limit)
		defer tick.Stop()
		for {
			select {
			case <-watched.Done():
				return
			case <-tick.C:
			}
			// on error, the trace is incomplete or empty
			b, _ := io.ReadAll(io.NewSectionReader(trace, 0, maxTrace))
			if bytes.Contains(b, []byte("=> Send header")) {
				return
			}
			if tried := trying().FindSubmatch(b); tried != nil {
				cancel(&connectError{string(tried[1]), limit})
			}
		}
	}()
	return watched, func() { cancel(nil) }
}

// trying finds the last address in a trace:
//
//	05:05:06.339918 http.c:684              == Info:   Trying 127.0.0.1:44461...
func trying() *regexp.Regexp { return regexp.MustCompile(`(?s).*== Info: +Trying (\S+?)\.\.\.`) }

// applyResponse corrects e according to the last response in the trace: whether the rate limit was exceeded, and when to
// retry.
func (e *Error) applyResponse(trace *os.File, now time.Time) {
	size, err := trace.Seek(0, io.SeekEnd)
	if err != nil {
		return
	}
	status, header := lastAnswer(io.NewSectionReader(trace, max(0, size-maxTrace), maxTrace))
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		e.After = RetryAfter(header, now)
	case http.StatusForbidden:
		// Some servers send this status if the rate limit is exceeded.
		if e.Kind != KindAuth || header.Get("Retry-After") == "" && !spent(header) {
			return
		}
		e.Kind, e.Hinted, e.After = KindRateLimited, "", RetryAfter(header, now)
	}
}

// lastAnswer returns the status and the header of the last HTTP response in a trace; 0 and nil if there is none. These
// are the lines that it reads; in HTTP/2, header names are in lower case:
//
//	05:05:06.339918 http.c:684              <= Recv header: HTTP/1.1 429 Too Many Requests
//	05:05:06.339932 http.c:684              <= Recv header: Retry-After: 120
func lastAnswer(trace io.Reader) (status int, header http.Header) {
	lines := bufio.NewScanner(trace)
	lines.Buffer(nil, maxTrace)
	for lines.Scan() {
		_, line, ok := strings.Cut(lines.Text(), "<= Recv header: ")
		if !ok {
			continue
		}
		if strings.HasPrefix(line, "HTTP/") {
			status, header = 0, http.Header{}
			if fields := strings.Fields(line); len(fields) > 1 {
				status, _ = strconv.Atoi(fields[1]) // 0 if it is not a number
			}
		} else if name, value, ok := strings.Cut(line, ":"); ok && header != nil {
			header.Set(name, strings.TrimSpace(value))
		}
	}
	return status, header
}

// spent reports whether a rate limit is used up.
func spent(h http.Header) bool {
	return cmp.Or(h.Get("RateLimit-Remaining"), h.Get("X-RateLimit-Remaining")) == "0"
}

// RetryAfter returns the delay that a server asks for in the header of its response; 0 if none, and at most a day.
//
// Retry-After is a number of seconds or a date. The reset of a rate limit that is used up is a number of seconds;
// GitHub and GitLab send the seconds since 1970.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		return min(max(0, at.Sub(now)), maxDelay)
	}
	seconds, err := strconv.ParseInt(h.Get("Retry-After"), 10, 64)
	if err != nil && spent(h) {
		const year = 365 * 24 * 60 * 60
		seconds, _ = strconv.ParseInt(cmp.Or(h.Get("RateLimit-Reset"), h.Get("X-RateLimit-Reset")), 10, 64) // 0 if it is not a number
		if seconds > year {
			seconds -= now.Unix()
		}
	}
	return time.Duration(min(max(0, seconds), int64(maxDelay/time.Second))) * time.Second
}
