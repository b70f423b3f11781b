package harness

import (
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// Patience is how long anything may take that has to happen, on a machine that has much else to do.
const Patience = 2 * time.Minute

// Full reports whether a larger sample of what is exhaustive (histories, crash points, failing calls) is to be tried, as
// `make test-full` does.
func Full() bool { return os.Getenv("GITSYNC_TEST") == "full" }

// Until polls a condition, and ends the test if it does not come true within [Patience].
func Until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// FreeAddress is host:port on loopback that nothing listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Get returns the status and the body of the answer to a GET; the status is 0 when there is no answer.
func Get(url string) (status int, body string) {
	client := http.Client{Timeout: Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}
