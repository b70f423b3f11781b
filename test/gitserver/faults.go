package gitserver

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Rule is a fault in force.
type Rule struct {
	On    Kind // which requests; empty: all of them
	Times int  // for how many requests; 0: until [Server.Heal]
	Do    Fault
}

// Fault is one way of not answering as one should. It is made by the functions below.
type Fault func(exchange) error

// exchange is what a fault may play with.
type exchange struct {
	w       *answer
	r       *http.Request
	backend http.Handler
	stop    <-chan struct{}
}

var errCut = errors.New("the connection is to be cut")

// wait returns false when the client or the server has gone before d was over; d == 0 waits for that alone.
func (e exchange) wait(d time.Duration) bool {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return true
	case <-e.r.Context().Done():
	case <-e.stop:
	}
	return false
}

// record lets git answer into memory.
func (e exchange) record() *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	e.backend.ServeHTTP(rec, e.r)
	return rec
}

// begin sends the head of a recorded answer.
func (e exchange) begin(rec *httptest.ResponseRecorder) {
	maps.Copy(e.w.Header(), rec.Header())
	e.w.WriteHeader(rec.Code)
	e.w.Flush()
}

// Status answers with a status and headers ("Retry-After", "120"). A 401 asks for a password.
func Status(code int, headers ...string) Fault {
	return func(e exchange) error {
		if code == http.StatusUnauthorized {
			e.w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			e.w.Header().Set(headers[i], headers[i+1])
		}
		http.Error(e.w, fmt.Sprintf("as told by the test: %d", code), code)
		return nil
	}
}

// RateLimited answers 429 with a Retry-After in seconds.
func RateLimited(after time.Duration) Fault {
	return Status(http.StatusTooManyRequests, "Retry-After", strconv.Itoa(int(after/time.Second)))
}

// Redirect sends the client to the same path below another base URL.
func Redirect(code int, base string) Fault {
	return func(e exchange) error {
		http.Redirect(e.w, e.r, base+e.r.URL.RequestURI(), code)
		return nil
	}
}

// Silence says nothing until the client hangs up.
func Silence() Fault {
	return func(e exchange) error {
		e.wait(0)
		return errCut
	}
}

// Trickle sends git's answer one byte at a time, the next one after each interval: enough to keep a connection alive, and
// never an answer.
func Trickle(interval time.Duration) Fault {
	return func(e exchange) error {
		rec := e.record()
		e.begin(rec)
		for i := range rec.Body.Len() {
			if _, err := e.w.Write(rec.Body.Bytes()[i : i+1]); err != nil {
				return errCut
			}
			e.w.Flush()
			if !e.wait(interval) {
				return errCut
			}
		}
		return nil
	}
}

// Slow sends git's answer at so many bytes per second, in a hundred pieces per second.
func Slow(bytesPerSecond int) Fault {
	const interval = 10 * time.Millisecond
	piece := max(1, bytesPerSecond/100)
	return func(e exchange) error {
		rec := e.record()
		e.begin(rec)
		for left := rec.Body.Bytes(); len(left) > 0; {
			n := min(piece, len(left))
			if _, err := e.w.Write(left[:n]); err != nil {
				return errCut
			}
			e.w.Flush()
			if left = left[n:]; !e.wait(interval) {
				return errCut
			}
		}
		return nil
	}
}

// CutAt ends the connection after n bytes of git's answer.
func CutAt(n int) Fault {
	return cut(func(int) int { return n })
}

// CutAtPercent ends the connection after so much of git's answer; at 100 it is complete but for its ending.
func CutAtPercent(percent int) Fault {
	return cut(func(size int) int { return size * percent / 100 })
}

func cut(where func(size int) int) Fault {
	return func(e exchange) error {
		rec := e.record()
		e.begin(rec)
		body := rec.Body.Bytes()
		_, _ = e.w.Write(body[:min(len(body), where(len(body)))])
		e.w.Flush()
		return errCut
	}
}

// Delay answers as git does, but only after d.
func Delay(d time.Duration) Fault {
	return func(e exchange) error {
		if !e.wait(d) {
			return errCut
		}
		e.backend.ServeHTTP(e.w, e.r)
		return nil
	}
}

// Gate holds requests until the channel is closed, and then answers as git does.
func Gate(open <-chan struct{}) Fault {
	return func(e exchange) error {
		select {
		case <-open:
			e.backend.ServeHTTP(e.w, e.r)
			return nil
		case <-e.r.Context().Done():
		case <-e.stop:
		}
		return errCut
	}
}
