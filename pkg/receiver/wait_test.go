package receiver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWait asks for the hash over a real server whose own time for answers is shorter than the wait.
func TestWait(t *testing.T) {
	for _, tc := range []struct {
		name, query string
		syncs       time.Duration
		err         error
		want        int
		text        string
		triggered   bool
	}{
		{"published", "?wait=60s", 50 * time.Second, nil, 200, pushed, false},
		{"not in time", "?wait=30s", time.Minute, nil, 504, "nothing was published within 30s; the sync continues", false},
		{"failed", "?wait=30s", time.Second, errors.New("exit status 128: https://user:password@h"), 502, "the sync failed: see its log and /status", false},
		{"failed by a timeout", "?wait=30s", time.Second, fmt.Errorf("fetching: %w", context.DeadlineExceeded), 502, "the sync failed: see its log and /status", false},
		{"no time at all", "?wait=0s", 0, nil, 202, "accepted: a sync is triggered", true},
		{"not asked for", "?other=1", 0, nil, 202, "accepted: a sync is triggered", true},
		{"no duration", "?wait=soon", 0, nil, 400, `wait="soon" is not a duration of at most 10m0s, such as 30s; nothing was triggered`, false},
		{"too long", "?wait=1h", 0, nil, 400, `wait="1h" is not a duration of at most 10m0s, such as 30s; nothing was triggered`, false},
		{"negative", "?wait=-1s", 0, nil, 400, `wait="-1s" is not a duration of at most 10m0s, such as 30s; nothing was triggered`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Target{URL: urls["generic"], Wait: func(ctx context.Context) (string, error) {
					select {
					case <-time.After(tc.syncs):
						return pushed, tc.err
					case <-ctx.Done():
						return "", ctx.Err()
					}
				}})
				conn := serve(t, r).dial()
				defer conn.Close()
				d := recording(t, "generic", "push").signed(secret)
				go func() { _, _ = io.WriteString(conn, d.head(tc.query, len(d.body))+string(d.body)) }()
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != tc.want || strings.TrimSpace(string(body)) != tc.text {
					t.Errorf("%d %q %v, want %d %q", resp.StatusCode, body, err, tc.want, tc.text)
				}
				if hash := resp.Header.Get("Gitsync-Hash"); (hash == pushed) != (tc.want == 200) {
					t.Errorf("Gitsync-Hash: %q", hash)
				}
				if (r.pushes == 1) != tc.triggered {
					t.Errorf("triggered: %v", r.pushes)
				}
				free(t, r)
			})
		})
	}
}

// TestWaitEndsWithTheSender gives the place back when nobody listens any more.
func TestWaitEndsWithTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Target{URL: urls["generic"], Wait: func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}})
		conn := serve(t, r).dial()
		d := recording(t, "generic", "push-nothing").signed(secret)
		if _, err := io.WriteString(conn, d.head("?wait=10m", 0)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		places := r.Handler.(*handler).places
		if len(places.waiting) != 1 || len(places.small) != 0 {
			t.Errorf("%d waiting, %d reading", len(places.waiting), len(places.small))
		}
		_ = conn.Close()
		synctest.Wait()
		free(t, r)
	})
}

func TestWaitersAreBounded(t *testing.T) {
	r := newRig(t, Target{URL: urls["generic"], Wait: func(context.Context) (string, error) {
		t.Error("one more waits")
		return "", nil
	}})
	places := r.Handler.(*handler).places
	for range maxWaiting {
		places.waiting <- struct{}{}
	}
	d := recording(t, "generic", "push-nothing").signed(secret)
	if status, text := r.postTo(d, "/webhook?wait=1s"); status != http.StatusServiceUnavailable || r.pushes != 1 {
		t.Errorf("%d %s %v", status, text, r.pushes)
	}
	// A sender without the secret is not told that its query is wrong.
	if status, text := r.postTo(d.signed("another"), "/webhook?wait=soon"); status != http.StatusForbidden || text != "" {
		t.Errorf("%d %q", status, text)
	}
}
