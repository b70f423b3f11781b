package git

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// git does not tell the headers of an HTTP answer, but writes them to its trace.
// For commands that talk to a remote that trace goes to a file in memory, which no
// name leads to and which only our user can open. It is looked at when the command
// has failed, for the few headers of [answer]; all else in it is thrown away. That
// costs about 2 % of the CPU time of "git ls-remote".

// traced are the commands whose trace is kept. The others run programs (filters,
// git-lfs) that may close the descriptor and run git again: it would then write its
// trace to whatever got the number next.
func traced(op string) bool { return op == "ls-remote" || op == "fetch" }

// maxTrace is how much of a trace is looked at: its end.
const maxTrace = 256 << 10

// maxDelay bounds what a server can ask for.
const maxDelay = 24 * time.Hour

// answer is the head of an HTTP answer.
type answer struct {
	status int
	header http.Header
}

// memoryFile opens a file in memory, nil if there is no such thing here.
func memoryFile(name string) *os.File {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), name)
}

// traceEnv makes git, and the helpers that inherit it, trace to descriptor 3.
func traceEnv() []string {
	return []string{"GIT_TRACE_CURL=3", "GIT_TRACE_CURL_NO_DATA=1", "GIT_TRACE_REDACT=1"}
}

// connectTimeout is how long an HTTP connection may take to be made: git cannot set a
// limit for curl, whose own is five minutes.
const connectTimeout = 20 * time.Second

// connectError says that a connection was not made in time.
type connectError struct {
	to    string // address and port
	limit time.Duration
}

func (e *connectError) Error() string {
	return fmt.Sprintf("no connection to %s within %v", e.to, e.limit)
}

// watchConnecting ends ctx, by a [*connectError], when the run that is traced has then
// begun to connect and not sent a request yet. Call stop when the run is over.
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
			// An error leaves a part, or nothing.
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

// obeyServer corrects e by what the last answer in the trace says: whether it was
// a matter of too many requests, and when to come again.
func (e *Error) obeyServer(trace *os.File, now time.Time) {
	size, err := trace.Seek(0, io.SeekEnd)
	if err != nil {
		return
	}
	a := lastAnswer(io.NewSectionReader(trace, max(0, size-maxTrace), maxTrace))
	switch a.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		e.After = a.delay(now)
	case http.StatusForbidden:
		// Some servers refuse so who asks too often.
		if e.Kind != KindAuth || a.header.Get("Retry-After") == "" && !a.spent() {
			return
		}
		e.Kind, e.Hinted, e.After = KindRateLimited, "", a.delay(now)
	}
}

// lastAnswer reads the trace. Its lines of interest look like this, in HTTP/2 with
// names in lower case:
//
//	05:05:06.339918 http.c:684              <= Recv header: HTTP/1.1 429 Too Many Requests
//	05:05:06.339932 http.c:684              <= Recv header: Retry-After: 120
func lastAnswer(trace io.Reader) answer {
	var a answer
	lines := bufio.NewScanner(trace)
	lines.Buffer(nil, maxTrace)
	for lines.Scan() {
		_, header, ok := strings.Cut(lines.Text(), "<= Recv header: ")
		if !ok {
			continue
		}
		if strings.HasPrefix(header, "HTTP/") {
			a = answer{header: http.Header{}}
			if fields := strings.Fields(header); len(fields) > 1 {
				a.status, _ = strconv.Atoi(fields[1]) // 0 is no status of interest
			}
		} else if name, value, ok := strings.Cut(header, ":"); ok && a.header != nil {
			a.header.Set(strings.TrimPrefix(strings.ToLower(name), "x-"), strings.TrimSpace(value))
		}
	}
	return a
}

// spent reports whether a limit of requests is used up.
func (a answer) spent() bool { return a.header.Get("RateLimit-Remaining") == "0" }

// delay is how long the server wants to be left alone, 0 if it does not say.
//
// Retry-After is a number of seconds or a date. The reset of a rate limit is a
// number of seconds, or for GitHub and GitLab the time as seconds since 1970.
func (a answer) delay(now time.Time) time.Duration {
	after := a.header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(after, 10, 64); err == nil {
		return bounded(seconds)
	}
	if at, err := http.ParseTime(after); err == nil {
		return min(max(0, at.Sub(now)), maxDelay)
	}
	seconds, err := strconv.ParseInt(a.header.Get("RateLimit-Reset"), 10, 64)
	if err != nil || !a.spent() {
		return 0
	}
	const year = 365 * 24 * 60 * 60
	if seconds > year {
		seconds -= now.Unix()
	}
	return bounded(seconds)
}

// bounded turns seconds into a delay that makes sense.
func bounded(seconds int64) time.Duration {
	return time.Duration(min(max(0, seconds), int64(maxDelay/time.Second))) * time.Second
}
